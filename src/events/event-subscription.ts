import { matchesFilter } from './event-filter.ts';
import type { EventFeed } from './event-feed.ts';
import type { EventFilter, EventStore, LabEvent } from './event-store.ts';

/** `reset`: events were left out. Ask for pages anew; what comes next has numbers above `newest`. */
export type EventItem = { readonly kind: 'event'; readonly event: LabEvent } | { readonly kind: 'reset'; readonly newest: number };

/** To be read once, by one reader. */
export interface EventSubscription extends AsyncIterable<EventItem> {
  /** Ends the reading, also where it waits; safe at any time. */
  close(): void;
}

export interface SubscriptionParts {
  readonly feed: EventFeed;
  readonly store: Pick<EventStore, 'page' | 'bounds'>;
  readonly filter: EventFilter;
  /** The number of the last event that the reader knows; without one it gets only what is new. */
  readonly after?: number;
  readonly queueLimit: number;
  readonly onClose: () => void;
}

const pageLimit = 500;

/** First what the reader missed, page by page at its own pace, then what happens: no gap and no repeat where they meet. */
export class FeedSubscription implements EventSubscription {
  readonly #parts: SubscriptionParts;
  readonly #items: AsyncGenerator<EventItem, void, void>;
  #queue: LabEvent[] = [];
  /** It was too slow: what is told meanwhile is left out until it comes back for more. */
  #overflowed = false;
  #closed = false;
  #isEnding = false;
  #wake: (() => void) | undefined;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    // From here on, not from the first read: nothing of the time between may be missing.
    if (parts.after === undefined) this.#listen();
    this.#items = this.#read();
  }

  [Symbol.asyncIterator](): AsyncIterator<EventItem> {
    return this.#items;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#parts.feed.leave(this);
    this.#wake?.();
    this.#parts.onClose();
  }

  /** The service ends: what waits is still read, and nothing comes after it. */
  end(): void {
    this.#isEnding = true;
    this.#parts.feed.leave(this);
    this.#wake?.();
  }

  onEvent(event: LabEvent): void {
    if (this.#overflowed || !matchesFilter(this.#parts.filter, event)) return;
    if (this.#queue.length >= this.#parts.queueLimit) {
      this.#overflowed = true;
      this.#queue = [];
    } else this.#queue.push(event);
    this.#wake?.();
  }

  #listen(): void {
    if (!this.#closed && !this.#isEnding) this.#parts.feed.listen(this);
  }

  async *#read(): AsyncGenerator<EventItem, void, void> {
    try {
      if (this.#parts.after !== undefined) yield* this.#replay(this.#parts.after);
      yield* this.#live();
    } finally {
      this.close();
    }
  }

  async *#replay(after: number): AsyncGenerator<EventItem, void, void> {
    const { feed, store, filter } = this.#parts;
    let cursor = after;
    let isLive = false;
    while (!this.#closed && !this.#isEnding && !isLive) {
      if (!(await this.#keepsAllAfter(cursor))) {
        this.#listen();
        yield { kind: 'reset', newest: feed.newest };
        return;
      }
      const upTo = feed.newest;
      // The last page is read while the queue gathers already what comes after it.
      isLive = upTo - cursor <= pageLimit;
      if (isLive) this.#listen();
      const events =
        cursor === upTo ? [] : await store.page({ ...filter, after: cursor, before: upTo + 1, order: 'oldest-first', limit: pageLimit });
      for (const event of events) {
        if (this.#closed) return;
        yield { kind: 'event', event };
      }
      cursor = events.length < pageLimit ? upTo : (events.at(-1)?.id ?? upTo);
    }
  }

  async #keepsAllAfter(cursor: number): Promise<boolean> {
    const { oldest } = await this.#parts.store.bounds();
    const { newest } = this.#parts.feed;
    // A number above ours is of another database: one that was restored, or begun anew.
    if (cursor >= newest) return cursor === newest;
    return cursor + 1 >= oldest;
  }

  async *#live(): AsyncGenerator<EventItem, void, void> {
    while (!this.#closed) {
      const event = this.#queue.shift();
      if (this.#overflowed) {
        this.#overflowed = false;
        yield { kind: 'reset', newest: this.#parts.feed.newest };
      } else if (event === undefined) {
        if (this.#isEnding) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
        this.#wake = undefined;
      } else yield { kind: 'event', event };
    }
  }
}
