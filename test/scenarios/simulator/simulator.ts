import { MemoryBroker } from '../../../src/bus/memory-broker.ts';
import { HeldClock } from '../../../src/clock.ts';
import type { Log } from '../../../src/log.ts';
import type { Manager } from '../../../src/manager/manager.ts';
import type { Cluster } from './cluster.ts';
import { Documents } from './documents.ts';
import { DurableRecords } from './durable-records.ts';
import { FaultLog } from './fault-log.ts';
import { Invariants } from './invariants.ts';
import { MessageFaults } from './message-faults.ts';
import { Network } from './network.ts';
import { PowerControls } from './power-controls.ts';
import type { ProcessClock } from './process-clock.ts';
import { RedeemedBoots } from './redeemed-boots.ts';
import { settle } from './settle.ts';
import { SimAgent } from './sim-agent.ts';
import { SimHost } from './sim-host.ts';
import { SimDoors } from './sim-migration.ts';
import { SimManager } from './sim-manager.ts';
import { World } from './world.ts';

const wireMs = 5;

/**
 * A farm with the product's own managers and agents in it, and a world around them that is made up. Nothing in it is random and
 * nothing happens between two timers: what one began is over before the next one fires.
 */
export class Simulator {
  readonly cluster: Cluster;
  readonly world: World;
  readonly broker: MemoryBroker;
  readonly network: Network;
  readonly doors = new SimDoors();
  readonly messages: MessageFaults;
  readonly records: DurableRecords;
  readonly boots: RedeemedBoots;
  readonly documents: Documents;
  readonly power: PowerControls;
  readonly invariants: Invariants;
  readonly managers = new Map<string, SimManager>();
  readonly agents = new Map<string, SimAgent>();
  readonly #clock = new HeldClock();
  #ids = 0;
  #keys = 0;
  #brokerUp = true;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.world = new World(this.#clock);
    this.broker = new MemoryBroker({ clock: this.#clock, log: this.logOf('bus') });
    this.broker.setDelay(() => wireMs);
    this.network = new Network(this.world, this.broker);
    this.messages = new MessageFaults(this.world);
    this.records = new DurableRecords(this.#clock);
    this.boots = new RedeemedBoots(this.#clock);
    this.documents = new Documents(cluster.documents);
    const powered = cluster.hosts.filter(({ power }) => power).map(({ name }) => name);
    this.power = new PowerControls(this.world, powered);
    this.invariants = new Invariants(this.world, this.records, this.documents);
    for (const spec of cluster.hosts) {
      const host = new SimHost(this.world, spec);
      this.world.hosts.set(spec.name, host);
      this.agents.set(spec.name, new SimAgent(this, host, spec.clockRate));
    }
    for (const name of cluster.managers) this.managers.set(name, new SimManager(this, name));
    if (cluster.bus === 'embedded') this.#setBroker(false);
  }

  newId(): string {
    return `id${++this.#ids}`;
  }

  newKey(): string {
    return `key-${++this.#keys}`.padEnd(43, '-');
  }

  logOf(who: string): Log {
    return new FaultLog(
      (text) => this.world.say(who, text),
      (detail) => this.invariants.mistake(`${who}: ${detail}`),
    );
  }

  /** Whether a Dom0 could say hello now: to a server that is up and that it reaches. */
  serves(machine: string): boolean {
    return this.network.reaches(machine) && [...this.managers.values()].some((each) => each.alive && this.network.reaches(each.name));
  }

  manager(name?: string): SimManager {
    const manager = this.managers.get(name ?? this.cluster.managers[0] ?? '');
    if (manager === undefined) throw new Error(`the cluster has no manager ${name ?? ''}`);
    return manager;
  }

  agent(machine: string): SimAgent {
    const agent = this.agents.get(machine);
    if (agent === undefined) throw new Error(`the cluster has no machine ${machine}`);
    return agent;
  }

  freeze(who: string): void {
    this.network.frozen(who);
    this.#processOf(who)?.freeze();
  }

  thaw(who: string): void {
    this.#processOf(who)?.thaw();
    this.network.thawed(who);
  }

  addressOf(machine: string): string {
    return `192.168.0.${11 + [...this.agents.keys()].indexOf(machine)}`;
  }

  /** By its name or its address. */
  hostAt(place: string): SimHost | undefined {
    return this.world.hosts.get(place) ?? [...this.world.hosts.values()].find(({ name }) => this.addressOf(name) === place);
  }

  #processOf(who: string): ProcessClock | undefined {
    const manager = this.managers.get(who);
    return manager === undefined ? this.agent(who).process : manager.process;
  }

  /** The one that people are answered by: who leads, else any that runs. */
  asked(): Manager | undefined {
    const running = [...this.managers.values()].flatMap(({ manager }) => manager ?? []);
    return running.find((each) => each.status().state === 'leading') ?? running[0];
  }

  managerStarts(): void {
    if (this.cluster.bus === 'embedded') this.#setBroker(true);
  }

  managerEnds(): void {
    if (this.cluster.bus === 'embedded') this.#setBroker(false);
  }

  setBroker(up: boolean, forget = false): void {
    this.world.say('bus', up ? 'the broker is up' : 'the broker is down');
    this.#setBroker(up, forget);
  }

  /** Lets the world go on until so many seconds after its beginning. */
  async runUntil(seconds: number): Promise<void> {
    await settle();
    this.invariants.check();
    while (this.#clock.step(seconds * 1000 - this.world.elapsedMs)) {
      await settle();
      this.invariants.check();
    }
  }

  /** Kills what is left of it, so that nothing goes on after a test. */
  async end(): Promise<void> {
    for (const manager of this.managers.values()) manager.process?.kill();
    for (const agent of this.agents.values()) agent.process?.kill();
    await settle();
  }

  #setBroker(up: boolean, forget = true): void {
    if (up === this.#brokerUp) return;
    this.#brokerUp = up;
    if (up) this.broker.start();
    else this.broker.stop({ forget });
  }
}
