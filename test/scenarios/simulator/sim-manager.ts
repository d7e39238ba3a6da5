import type { RecordChange } from '../../../src/manager/manager-store.ts';
import { Manager } from '../../../src/manager/manager.ts';
import type { Surroundings } from '../../../src/manager/surroundings.ts';
import type { Vm } from '../../../src/model/vm.ts';
import type { StoreFault } from './durable-records.ts';
import { formatEvent } from './format-event.ts';
import { ProcessBus } from './process-bus.ts';
import { ProcessClock } from './process-clock.ts';
import { renderDomain, resolveImage } from './guests.ts';
import type { Simulator } from './simulator.ts';
import { managerWill } from './wills.ts';

/** Where in the life of a start a manager may be killed. */
export type KillPoint = 'before-claim' | 'after-claim' | 'before-answer' | 'after-answer';

interface Trap {
  readonly point: KillPoint;
  readonly vm: string | undefined;
  readonly action: () => void;
}

/** One `virtdom serve`: it can be killed and started again, and remembers nothing but what is in the database. */
export class SimManager {
  readonly name: string;
  readonly #sim: Simulator;
  #process: ProcessClock | undefined;
  #manager: Manager | undefined;
  #faults: { readonly how: StoreFault; times: number }[] = [];
  #traps: Trap[] = [];

  constructor(sim: Simulator, name: string) {
    this.#sim = sim;
    this.name = name;
  }

  get alive(): boolean {
    return this.#process !== undefined;
  }

  /** Only where it has started; a manager that is still reading answers nobody. */
  get manager(): Manager | undefined {
    return this.#manager;
  }

  get process(): ProcessClock | undefined {
    return this.#process;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { world, broker, network, records } = this.#sim;
    const process = new ProcessClock(world.clock);
    this.#process = process;
    world.say(this.name, 'is started');
    this.#sim.managerStarts();
    const bus = new ProcessBus(broker.connect(this.name, { will: managerWill(this.name) }), process, {
      arriving: (message) => this.#sim.messages.arriving(this.name, message),
      published: () => {},
      later: (delayMs, action) => void world.clock.after(delayMs, action),
    });
    network.joined(this.name, this.name);
    const store = records.storeOf(this.name, process, { next: () => this.#fault(), trap: (when, changes) => this.#spring(when, changes) });
    const { boots, documents, power } = this.#sim;
    const surroundings: Surroundings = {
      name: this.name,
      clock: process,
      bus,
      store,
      power: {
        has: (machine) => power.has(machine),
        read: async (machine) => await process.hear(power.read(machine)),
        switch: async (machine, action) => await process.hear(power.switch(machine, action)),
      },
      objects: {
        get current() {
          return documents.current;
        },
        subscribe: (listener) => documents.subscribe(() => process.run(listener)),
      },
      boots: {
        newest: (machine) => boots.newest(machine),
        subscribe: (listener) => boots.subscribe((boot) => process.run(() => listener(boot))),
      },
      images: { resolve: (image) => resolveImage(this.#sim.cluster.images, image) },
      renderDomain,
      tell: (event) => {
        if (process.alive) world.say(this.name, formatEvent(event));
      },
      log: this.#sim.logOf(this.name),
      newId: () => this.#sim.newId(),
      newKey: () => this.#sim.newKey(),
    };
    Manager.start(surroundings, this.#sim.cluster.settings).then(
      (manager) => process.run(() => (this.#manager = manager)),
      (error: unknown) => {
        world.say(this.name, `does not start: ${error instanceof Error ? error.message : String(error)}`);
        this.kill('ends');
      },
    );
  }

  /** `backAfter`: it is started again after so many seconds, as by systemd. */
  kill(how = 'is killed', backAfter?: number): void {
    if (this.#process === undefined) return;
    this.#process.kill();
    this.#process = undefined;
    this.#manager = undefined;
    this.#traps = [];
    this.#sim.world.say(this.name, how);
    this.#sim.network.left(this.name, 'process');
    this.#sim.managerEnds();
    if (backAfter !== undefined) this.#sim.world.clock.after(backAfter * 1000, () => this.start());
  }

  fault(how: StoreFault, times: number): void {
    this.#faults.push({ how, times });
  }

  clearFaults(): void {
    this.#faults = [];
    this.#traps = [];
  }

  killAt(point: KillPoint, vm?: string, backAfter?: number): void {
    this.#traps.push({ point, vm, action: () => this.kill(`is killed ${wordsOf(point)}`, backAfter) });
  }

  /** It stands still for so many seconds. */
  freezeAt(point: KillPoint, seconds: number): void {
    const action = () => {
      this.#sim.world.say(this.name, `stands still ${wordsOf(point)}`);
      this.#sim.freeze(this.name);
      this.#sim.world.clock.after(seconds * 1000, () => {
        this.#sim.world.say(this.name, 'goes on');
        this.#sim.thaw(this.name);
      });
    };
    this.#traps.push({ point, vm: undefined, action });
  }

  #fault(): StoreFault | undefined {
    const fault = this.#faults.find(({ times }) => times > 0);
    if (fault === undefined) return undefined;
    fault.times--;
    this.#sim.world.say(this.name, `its next commit is to ${fault.how}`);
    return fault.how;
  }

  #spring(when: 'before' | 'after', changes: readonly RecordChange[]): void {
    const index = this.#traps.findIndex(({ point, vm }) => point.startsWith(when) && changes.some((change) => isOf(point, change, vm)));
    if (index !== -1) this.#traps.splice(index, 1)[0]?.action();
  }
}

function wordsOf(point: KillPoint): string {
  return point.replace('-', ' the commit of the ');
}

function isOf(point: KillPoint, { area, id, document }: RecordChange, vm: string | undefined): boolean {
  if (document === undefined) return false;
  if (point.endsWith('claim')) {
    const { state, claims } = document as unknown as Vm;
    return area === 'vm' && state === 'starting' && claims.length > 0 && (vm === undefined || vm === id);
  }
  const ended = document['state'] === 'done' || document['state'] === 'failed';
  return area === 'command' && ended && document['command'] === 'vm.create' && (vm === undefined || vm === document['vm']);
}
