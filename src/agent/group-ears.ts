import type { Bus, BusMessage, BusSubscription } from '../bus/bus.ts';
import type { Log } from '../log.ts';
import { topics } from '../manager/protocol.ts';

/** Listens to the groups that the agent is in; `all` always. */
export class GroupEars {
  readonly #bus: Bus;
  readonly #log: Log;
  readonly #hear: (message: BusMessage) => void;
  readonly #ears = new Map<string, Promise<BusSubscription | undefined>>();

  constructor(bus: Bus, log: Log, hear: (message: BusMessage) => void) {
    this.#bus = bus;
    this.#log = log;
    this.#hear = hear;
  }

  /** Resolves when it listens to these and to no others. */
  async set(groups: readonly string[]): Promise<void> {
    const wanted = new Set(['all', ...groups]);
    for (const group of wanted) if (!this.#ears.has(group)) this.#ears.set(group, this.#listen(group));
    const left = [...this.#ears].filter(([group]) => !wanted.has(group));
    for (const [group] of left) this.#ears.delete(group);
    await Promise.all([...this.#ears.values(), ...left.map(async ([, ear]) => (await ear)?.close())]);
  }

  async close(): Promise<void> {
    const ears = [...this.#ears.values()];
    this.#ears.clear();
    await Promise.all(ears.map(async (ear) => (await ear)?.close()));
  }

  async #listen(group: string): Promise<BusSubscription | undefined> {
    try {
      return await this.#bus.subscribe(topics.group(group), this.#hear);
    } catch (error) {
      this.#log.warn({ err: error, group }, 'the messages to a group cannot be heard');
      this.#ears.delete(group);
      return undefined;
    }
  }
}
