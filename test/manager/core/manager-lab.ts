import { afterEach } from 'vitest';
import { MemoryBroker } from '../../../src/bus/memory-broker.ts';
import type { MemoryBus } from '../../../src/bus/memory-bus.ts';
import { HeldClock } from '../../../src/clock.ts';
import type { NewEvent } from '../../../src/events/event-store.ts';
import { CapturedLog } from '../../../src/log.ts';
import { Manager } from '../../../src/manager/manager.ts';
import { topics } from '../../../src/manager/protocol.ts';
import type { ManagerMessage } from '../../../src/manager/protocol.ts';
import type { Surroundings } from '../../../src/manager/surroundings.ts';
import type { HostBoot } from '../../../src/model/host.ts';
import type { Machine } from '../../../src/model/machine.ts';
import type { Role, Trigger, VmEnvironment } from '../../../src/model/vm-environment.ts';
import { environmentOf, roleOf } from './farm.ts';
import { MemoryRecords } from './memory-store.ts';

/** Closed when the test ends. */
export const running: Manager[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((manager) => manager.close()));
});

export interface ManagerSetup {
  readonly environments?: readonly VmEnvironment[];
  readonly triggers?: readonly Trigger[];
  readonly roles?: readonly Role[];
  readonly power?: Surroundings['power'];
  readonly events?: Surroundings['events'];
  /** Machines whose documents name no role. */
  readonly without?: readonly string[];
  readonly machines?: readonly string[];
}

const noPower: Surroundings['power'] = {
  has: () => false,
  read: () => Promise.resolve({ kind: 'unknown', reason: 'none' }),
  switch: () => Promise.resolve({ kind: 'unknown', reason: 'none' }),
};

function machineOf(name: string, change: Partial<Machine>): Machine {
  return { name, nics: [], labels: {}, parameters: {}, ...change };
}

/** A manager over a bus in memory, and one agent that the test plays. */
export class Lab {
  readonly clock = new HeldClock();
  readonly broker = new MemoryBroker({ clock: this.clock });
  readonly records: MemoryRecords;
  readonly events: NewEvent[] = [];
  readonly log = new CapturedLog();
  readonly heard: ManagerMessage[] = [];
  readonly agent: MemoryBus;
  readonly #boots = new Map<string, number>();
  readonly #bootListeners = new Set<(boot: HostBoot) => void>();
  #ids = 0;
  session = 0;

  constructor(records = new MemoryRecords()) {
    this.records = records;
    this.agent = this.broker.connect('post01/1');
  }

  async manager(name = 'server1', setup: ManagerSetup = {}): Promise<Manager> {
    const { environments = [environmentOf({ name: 'gateway' })], triggers = [], machines = ['post01'], without = [] } = setup;
    const { roles = [roleOf({ name: 'farm', environments: environments.map((each) => each.name) })], power = noPower } = setup;
    const manager = await Manager.start({
      name,
      clock: this.clock,
      bus: this.broker.connect(name),
      store: this.records,
      power,
      objects: {
        current: {
          machines: machines.map((each) => machineOf(each, without.includes(each) ? {} : { role: 'farm' })),
          environments,
          roles,
          triggers,
        },
        subscribe: () => () => {},
      },
      boots: {
        newest: (machine) => this.#bootOf(machine),
        subscribe: (listener) => {
          this.#bootListeners.add(listener);
          return () => void this.#bootListeners.delete(listener);
        },
      },
      images: { resolve: (image) => ({ kind: 'found', ref: `${image}@1`, files: [] }) },
      renderDomain: (vm) => ({ config: `name = "${vm.name}"` }),
      tell: (event) => void this.events.push(event),
      ...(setup.events !== undefined && { events: setup.events }),
      log: this.log,
      newId: () => `${name}-${++this.#ids}`,
      newKey: () => 'k'.repeat(43),
    });
    running.push(manager);
    await this.rest();
    return manager;
  }

  /** A machine says hello anew. */
  boot(machine: string): void {
    this.#boots.set(machine, this.#bootOf(machine).boot + 1);
    for (const listener of this.#bootListeners) listener(this.#bootOf(machine));
  }

  #bootOf(machine: string): HostBoot {
    return { machine, boot: this.#boots.get(machine) ?? 1, attempt: 'a', redeemedMs: 0 };
  }

  /** The agent comes, and answers sessions and beats with what `domains` says. */
  async join(): Promise<void> {
    await this.agent.subscribe(topics.toAgent('post01'), (message) => this.#hear(message.payload));
    await this.agent.subscribe(topics.group('all'), (message) => this.#hear(message.payload));
    await this.present();
    await this.wait(7000);
  }

  present(machine = 'post01', change: object = {}): Promise<void> {
    const { boot } = this.#bootOf(machine);
    const presence = { v: 1, kind: 'PRESENCE', state: 'here', reason: '', boot, connection: `c${boot}`, agent: '1', ...change };
    return this.publish(topics.presence(machine), presence);
  }

  async #hear(payload: Uint8Array): Promise<void> {
    const message = JSON.parse(Buffer.from(payload).toString()) as ManagerMessage;
    this.heard.push(message);
    if (message.kind !== 'CONTROL' || (message.action !== 'session' && message.action !== 'beat')) return;
    if (message.session !== undefined) this.session = message.session;
    await this.say({
      kind: 'CONTROLVAL',
      reply: message.id,
      action: message.action,
      boot: this.#bootOf('post01').boot,
      session: this.session,
      domains: [],
      settled: true,
      busy: [],
      ...(message.nonce === undefined ? {} : { nonce: message.nonce }),
      facts: { agent: '1', hypervisor: 'Xen', memoryMib: 4096, freeMib: 4096, cpus: 4, bridges: [], nics: [] },
    });
  }

  say(message: object, machine = 'post01'): Promise<void> {
    return this.publish(topics.fromAgent(machine), { v: 1, id: 'm1', boot: this.#bootOf(machine).boot, ...message });
  }

  async publish(topic: string, message: object): Promise<void> {
    await this.agent.publish(topic, Buffer.from(JSON.stringify(message)), { qos: 1, retain: topic.endsWith('presence') });
  }

  sent(kind: 'EXECUTE'): Extract<ManagerMessage, { kind: 'EXECUTE' }>[] {
    return this.heard.filter((message) => message.kind === kind);
  }

  told(kind: string): NewEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }

  async wait(ms: number): Promise<void> {
    const until = this.clock.monotonic() + ms;
    await this.rest();
    while (this.clock.step(until - this.clock.monotonic())) await this.rest();
  }

  async rest(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }
}
