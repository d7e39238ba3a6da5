import type { MemoryBroker } from '../../../src/bus/memory-broker.ts';
import type { World } from './world.ts';

/** After so long without a word both ends of an MQTT connection give it up (keepalive 15 s, one and a half times). */
const keepaliveMs = 22_500;
const reconnectMs = 2000;

export type CutWay = 'both' | 'to' | 'from';

/** Who can hear whom, as far as the network goes: machines and managers to the broker and to each other. */
export class Network {
  readonly #world: World;
  readonly #broker: MemoryBroker;
  /** Of each process that has a connection: its name there. */
  readonly #clients = new Map<string, string>();
  readonly #cuts = new Map<string, { readonly way: CutWay; closed: boolean }>();

  readonly #still = new Map<string, { closed: boolean }>();

  constructor(world: World, broker: MemoryBroker) {
    this.#world = world;
    this.#broker = broker;
  }

  joined(who: string, client: string): void {
    this.#clients.set(who, client);
    const cut = this.#cuts.get(who);
    if (cut === undefined) return;
    cut.closed = true;
    this.#broker.cut(client, { will: false, reason: 'the broker cannot be reached' });
  }

  /** The process ended. Its kernel closes the connection, unless the kernel is gone too: then the broker finds out by its silence. */
  left(who: string, how: 'process' | 'machine'): void {
    const client = this.#clients.get(who);
    this.#clients.delete(who);
    this.#still.delete(who);
    if (client === undefined) return;
    const silent = how === 'machine' || this.#cuts.has(who);
    this.#broker.cut(client, { will: silent ? { afterMs: keepaliveMs } : true, reason: 'the process ended' });
  }

  reaches(who: string): boolean {
    return !this.#cuts.has(who);
  }

  /** `to`: nothing reaches it; `from`: nothing of it reaches others. Nobody is told. */
  cut(who: string, way: CutWay): void {
    if (this.#cuts.has(who)) return;
    const cut = { way, closed: false };
    this.#cuts.set(who, cut);
    const client = this.#clients.get(who);
    if (client === undefined) return;
    this.#broker.hold(client, way === 'both' ? 'both' : way === 'to' ? 'down' : 'up');
    this.#world.clock.after(keepaliveMs, () => {
      if (this.#cuts.get(who) !== cut || this.#clients.get(who) !== client || cut.closed) return;
      cut.closed = true;
      this.#broker.cut(client, { will: true, reason: 'the broker did not answer' });
    });
  }

  /** What was under way arrives late, where the connection is still there; otherwise the client comes back soon. */
  heal(who: string): void {
    const cut = this.#cuts.get(who);
    this.#cuts.delete(who);
    const client = this.#clients.get(who);
    if (cut === undefined || client === undefined) return;
    if (!cut.closed) this.#broker.release(client);
    else
      this.#world.clock.after(reconnectMs, () => {
        if (this.#clients.get(who) === client && !this.#cuts.has(who)) this.#broker.restore(client);
      });
  }

  /** A process that stands still answers no ping: its broker gives it up, and it comes back some time after it goes on. */
  frozen(who: string): void {
    const client = this.#clients.get(who);
    if (client === undefined || this.#cuts.has(who) || this.#still.has(who)) return;
    const still = { closed: false };
    this.#still.set(who, still);
    this.#world.clock.after(keepaliveMs, () => {
      if (this.#still.get(who) !== still || this.#clients.get(who) !== client || this.#cuts.has(who)) return;
      still.closed = true;
      this.#broker.cut(client, { will: true, reason: 'the broker did not hear of it' });
    });
  }

  thawed(who: string): void {
    const still = this.#still.get(who);
    this.#still.delete(who);
    if (still?.closed !== true || this.#cuts.has(who)) return;
    this.#cuts.set(who, { way: 'both', closed: true });
    this.heal(who);
  }

  cutNames(): readonly string[] {
    return [...this.#cuts.keys()];
  }
}
