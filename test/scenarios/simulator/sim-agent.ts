import { Agent } from '../../../src/agent/agent.ts';
import type { FetchedFiles } from '../../../src/agent/parts.ts';
import type { HostBoot } from '../../../src/model/host.ts';
import { BootMemory } from './boot-memory.ts';
import { ProcessBus } from './process-bus.ts';
import { ProcessClock } from './process-clock.ts';
import { hypervisorOf } from './sim-hypervisor.ts';
import { migrationOf } from './sim-migration.ts';
import type { SimHost } from './sim-host.ts';
import { SimProperties } from './sim-properties.ts';
import type { Simulator } from './simulator.ts';
import { agentWill } from './wills.ts';

const helloSeconds = 5;

/** What runs on one Dom0 beside its domains: the hello, then the product's agent. */
export class SimAgent {
  readonly #sim: Simulator;
  readonly #host: SimHost;
  readonly #rate: number;
  readonly #properties: SimProperties;
  /** Bridges, each with the VLAN below it. */
  readonly #bridges = new Map<string, number | undefined>([['xenbr0', undefined]]);
  readonly #fetched = new Set<string>();
  #memory: BootMemory;
  #boot: HostBoot | undefined;
  #process: ProcessClock | undefined;

  constructor(sim: Simulator, host: SimHost, rate: number) {
    this.#sim = sim;
    this.#host = host;
    this.#rate = rate;
    this.#properties = new SimProperties(sim, host.name);
    this.#memory = new BootMemory(sim.world.clock);
    host.onUp = () => void this.#hello(host.life);
    host.onDown = () => this.#gone();
  }

  get process(): ProcessClock | undefined {
    return this.#process;
  }

  /** Names of properties that it extracts for the manager. */
  get sentProperties(): readonly string[] {
    return this.#properties.sent;
  }

  setProperty(name: string, value: number): void {
    this.#properties.set(name, value);
  }

  /** On the boot that is, once that has said hello. */
  start(): void {
    if (this.#boot === undefined || this.#process !== undefined) return;
    this.#sim.world.say(this.#host.name, 'its agent is started');
    void this.#launch(this.#boot);
  }

  kill(how: string, backAfter?: number): void {
    if (this.#process === undefined) return;
    this.#end('process');
    this.#sim.world.say(this.#host.name, how);
    const { life } = this.#host;
    if (backAfter !== undefined)
      this.#sim.world.clock.after(backAfter * 1000, () => {
        if (this.#host.life === life) this.start();
      });
  }

  async #hello(life: number): Promise<void> {
    const { world, boots } = this.#sim;
    while (!this.#sim.serves(this.#host.name)) await world.wait(helloSeconds);
    if (this.#host.life !== life) return;
    const redeemedMs = world.clock.now();
    const boot = await boots.add({ machine: this.#host.name, attempt: `${this.#host.name}-${life}`, redeemedMs });
    await world.wait(0.01);
    if (this.#host.life !== life) return;
    this.#boot = boot;
    world.say(this.#host.name, `its hello is taken, boot ${boot.boot}`);
    await this.#launch(boot);
  }

  #gone(): void {
    this.#end('machine');
    this.#boot = undefined;
    this.#memory = new BootMemory(this.#sim.world.clock);
    this.#fetched.clear();
    this.#bridges.clear();
    this.#bridges.set('xenbr0', undefined);
  }

  #end(how: 'process' | 'machine'): void {
    if (this.#process === undefined) return;
    this.#process.kill();
    this.#process = undefined;
    this.#properties.end();
    this.#sim.network.left(this.#host.name, how);
  }

  async #launch({ machine, boot }: HostBoot): Promise<void> {
    const { world, broker, network, messages } = this.#sim;
    const process = new ProcessClock(world.clock, this.#rate);
    this.#process = process;
    const client = `${machine}/${boot}`;
    const connection = this.#sim.newId();
    const bus = new ProcessBus(broker.connect(client, { will: agentWill(machine, boot, connection) }), process, {
      arriving: (message) => messages.arriving(machine, message),
      published: () => {},
      later: (delayMs, action) => void world.clock.after(delayMs, action),
    });
    network.joined(machine, client);
    await Agent.start({
      identity: { machine, boot },
      bus,
      connectionId: () => connection,
      clock: process,
      log: this.#sim.logOf(machine),
      hypervisor: hypervisorOf(this.#sim, machine, process),
      migration: migrationOf(this.#sim, machine, process),
      consoles: {
        begin: () => Promise.resolve(),
        tail: () => Promise.resolve(undefined),
        ready: (vm) => Promise.resolve((this.#host.find(vm)?.readyAtMs ?? Infinity) <= world.elapsedMs ? {} : undefined),
      },
      networks: {
        up: ({ bridge, vlan }) => {
          const before = this.#bridges.get(bridge);
          if (before !== undefined && before !== vlan)
            this.#sim.invariants.breaches.push({
              rule: 'a bridge joins two networks',
              detail: `${bridge} on ${machine}: VLAN ${before} and ${vlan}`,
            });
          this.#bridges.set(bridge, vlan);
          return Promise.resolve({ kind: 'done' });
        },
        down: (bridge) => {
          this.#bridges.delete(bridge);
          return Promise.resolve({ kind: 'done' });
        },
        list: () => Promise.resolve({ bridges: [...this.#bridges.keys()], nics: ['eth0'], address: this.#sim.addressOf(machine) }),
      },
      images: { server: '192.168.0.5', ensure: async (files) => await process.hear(this.#fetch(files.map(({ path }) => path))) },
      properties: this.#properties.source(process),
      record: this.#memory.recordOf(process),
      host: {
        reboot: (reason) => {
          world.clock.after(3000, () => this.#host.reset(`reboots: ${reason}`));
          return Promise.resolve({ kind: 'done' });
        },
      },
      version: '1',
      newId: () => this.#sim.newId(),
    });
  }

  async #fetch(paths: readonly string[]): Promise<FetchedFiles> {
    const { world } = this.#sim;
    for (const path of paths.filter((each) => !this.#fetched.has(each))) {
      await world.wait(0.5);
      if (!this.#sim.serves(this.#host.name)) return { kind: 'failed', code: 'unreachable', reason: `${path} could not be fetched` };
      this.#fetched.add(path);
    }
    return {
      kind: 'done',
      paths: Object.fromEntries(paths.map((path) => [path.split('/').at(-1) ?? path, `/cache${path}`])),
      release: () => {},
    };
  }
}
