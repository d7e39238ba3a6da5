import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { EventFeed } from './event-feed.ts';
import type { EventFilter, EventPage, EventStore, LabEvent, NewEvent } from './event-store.ts';
import { type EventSubscription, FeedSubscription } from './event-subscription.ts';
import { EventWriter } from './event-writer.ts';
import { Pruning } from './pruning.ts';

export interface EventLogParts {
  readonly store: EventStore;
  readonly keepDays: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<EventLogLimits>;
}

export interface EventLogLimits {
  /** Events that wait for the store. */
  readonly queue: number;
  /** Events in one transaction. */
  readonly batch: number;
  /** Events that wait for one subscriber. */
  readonly subscriberQueue: number;
  readonly subscribers: number;
}

const defaultLimits: EventLogLimits = { queue: 10_000, batch: 500, subscriberQueue: 1_000, subscribers: 1_000 };

/** There are as many subscribers as there may be: one of them must go first. */
export class TooManySubscribersError extends Error {
  readonly code = 'TOO_MANY_SUBSCRIBERS';

  constructor(limit: number) {
    super(`${limit} clients follow the events already: end one of them, or ask for pages`);
    this.name = 'TooManySubscribersError';
  }
}

/** What happens, kept and told: nobody who tells an event waits, and nobody hears of one that a crash could still undo. */
export class EventLog {
  readonly #parts: EventLogParts;
  readonly #limits: EventLogLimits;
  readonly #feed: EventFeed;
  readonly #writer: EventWriter;
  readonly #pruning: Pruning;
  readonly #subscriptions = new Set<FeedSubscription>();

  private constructor(parts: EventLogParts, newest: number) {
    const { store, clock, log, keepDays } = parts;
    this.#parts = parts;
    this.#limits = { ...defaultLimits, ...parts.limits };
    this.#feed = new EventFeed({ store, clock, log }, newest);
    this.#writer = new EventWriter({
      store,
      clock,
      log,
      queueLimit: this.#limits.queue,
      batchLimit: this.#limits.batch,
      onWritten: (events) => this.#feed.onWritten(events),
    });
    this.#pruning = new Pruning({ prune: (beforeMs) => store.prune(beforeMs), keepDays, of: 'events', clock, log });
    store.follow((reached) => this.#feed.onReached(reached));
  }

  static async open(parts: EventLogParts): Promise<EventLog> {
    const { newest } = await parts.store.bounds();
    return new EventLog(parts, newest);
  }

  /** The number of the last event that was told. */
  get newest(): number {
    return this.#feed.newest;
  }

  /** Never waits and never throws; while the store fails, the least important events are given up first. */
  append(event: NewEvent): void {
    this.#writer.append(event);
  }

  page(page: EventPage): Promise<readonly LabEvent[]> {
    return this.#parts.store.page(page);
  }

  /**
   * @param after the last number that the reader knows: what came later is replayed first, or a `reset` says that not all of it is kept
   * @throws TooManySubscribersError
   */
  subscribe({ after, filter = {} }: { readonly after?: number; readonly filter?: EventFilter } = {}): EventSubscription {
    if (this.#subscriptions.size >= this.#limits.subscribers) throw new TooManySubscribersError(this.#limits.subscribers);
    const subscription = new FeedSubscription({
      feed: this.#feed,
      store: this.#parts.store,
      filter,
      ...(after !== undefined && { after }),
      queueLimit: this.#limits.subscriberQueue,
      onClose: () => void this.#subscriptions.delete(subscription),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Resolves when all that was appended is durable and told. */
  async idle(): Promise<void> {
    await this.#writer.idle();
    await this.#feed.idle();
  }

  /** Writes what waits, as far as the store takes it, and ends all subscriptions. */
  async close(): Promise<void> {
    await this.#pruning.close();
    await this.#writer.close();
    await this.#feed.close();
    for (const subscription of this.#subscriptions) subscription.end();
  }
}
