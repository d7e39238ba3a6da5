import type { Log } from '../log.ts';
import { BusError } from './bus.ts';
import type { BusMessage } from './bus.ts';
import { ListenerQueue } from './listener-queue.ts';
import type { BusListener } from './listener-queue.ts';
import { filterMatches, filterProblem } from './topic-filter.ts';

export interface Subscription {
  readonly filter: string;
  readonly queue: ListenerQueue;
}

/** Who listens on one bus, each with a queue of its own. */
export class Listeners {
  readonly #log: Log;
  readonly #subscriptions = new Set<Subscription>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @throws BusError `refused` on a filter that is none. */
  add(filter: string, listener: BusListener): Subscription {
    const problem = filterProblem(filter);
    if (problem !== undefined) throw new BusError('refused', problem);
    const failed = (error: unknown, topic: string): void => this.#log.error({ err: error, topic }, 'a message was not handled');
    const subscription = { filter, queue: new ListenerQueue(listener, failed) };
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Returns whether nobody else listens to its filter. */
  remove(subscription: Subscription): boolean {
    subscription.queue.close();
    this.#subscriptions.delete(subscription);
    return !this.filters.includes(subscription.filter);
  }

  get filters(): readonly string[] {
    return [...new Set([...this.#subscriptions].map(({ filter }) => filter))];
  }

  /** `handled` is called once, when all who hear it are done. */
  arrived(message: BusMessage, handled: () => void): void {
    const hearing = [...this.#subscriptions].filter(({ filter }) => filterMatches(filter, message.topic));
    let open = hearing.length;
    if (open === 0) handled();
    for (const { queue } of hearing)
      queue.push(message, () => {
        open--;
        if (open === 0) handled();
      });
  }

  /** Of what waits for the listeners; a message that two of them hear counts twice. */
  waiting(): { readonly messages: number; readonly bytes: number } {
    let messages = 0;
    let bytes = 0;
    for (const { queue } of this.#subscriptions) {
      messages += queue.size;
      bytes += queue.bytes;
    }
    return { messages, bytes };
  }

  /** What no listener has begun with is forgotten. */
  clear(): void {
    for (const { queue } of this.#subscriptions) queue.clear();
  }

  close(): void {
    for (const { queue } of this.#subscriptions) queue.close();
  }
}
