import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { EventStore, LabEvent } from './event-store.ts';

/** Who is told of each event once it is durable. Must not throw and must not wait. */
export interface FeedListener {
  onEvent(event: LabEvent): void;
}

export interface EventFeedParts {
  readonly store: Pick<EventStore, 'page'>;
  readonly clock: Clock;
  readonly log: Log;
}

const pageLimit = 500;
/** Our own events that wait for another server's to be read; they are in the store all the same. */
const ownLimit = 10_000;
const retryMs = 1_000;

/**
 * Tells what is durable, each event once, in the order of its number and without a gap: our own events from memory where
 * they come next, those of other servers on the same database as the store has them.
 */
export class EventFeed {
  readonly #parts: EventFeedParts;
  readonly #listeners = new Set<FeedListener>();
  #told: number;
  #target: number;
  #own: LabEvent[] = [];
  #pumping: Promise<void> | undefined;
  #isFailing = false;
  #closed = false;
  #retry: { readonly timer: Timer; readonly end: () => void } | undefined;

  constructor(parts: EventFeedParts, newest: number) {
    this.#parts = parts;
    this.#told = newest;
    this.#target = newest;
  }

  /** All up to this number has been told. */
  get newest(): number {
    return this.#told;
  }

  listen(listener: FeedListener): void {
    this.#listeners.add(listener);
  }

  leave(listener: FeedListener): void {
    this.#listeners.delete(listener);
  }

  /** What we have written ourselves. */
  onWritten(events: readonly LabEvent[]): void {
    if (events.length === 0) return;
    this.#own = this.#own.length + events.length > ownLimit ? [...events] : [...this.#own, ...events];
    this.#goTo(events.at(-1)?.id ?? 0);
  }

  /** Another server has written up to this number. */
  onReached(newest: number): void {
    this.#goTo(newest);
  }

  async idle(): Promise<void> {
    while (this.#pumping !== undefined) await this.#pumping;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.timer.cancel();
    this.#retry?.end();
    await this.idle();
  }

  #goTo(target: number): void {
    this.#target = Math.max(this.#target, target);
    if (this.#pumping !== undefined) return;
    this.#tellOwn();
    if (this.#told < this.#target) this.#pumping = this.#pump();
  }

  async #pump(): Promise<void> {
    while (this.#told < this.#target && !this.#closed) {
      try {
        await this.#readAhead();
        this.#isFailing = false;
      } catch (error) {
        if (!this.#isFailing) this.#parts.log.error({ err: error, after: this.#told }, 'events cannot be read: who follows them waits');
        this.#isFailing = true;
        await this.#pause();
      }
      this.#tellOwn();
    }
    this.#pumping = undefined;
  }

  /** Our own ones as long as nothing of others comes before them. */
  #tellOwn(): void {
    // Who comes later asks the store.
    if (this.#listeners.size === 0) {
      this.#told = this.#target;
      this.#own = [];
      return;
    }
    let count = 0;
    for (const event of this.#own) {
      if (event.id > this.#told + 1) break;
      if (event.id === this.#told + 1) this.#tell(event);
      count++;
    }
    this.#own = count === this.#own.length ? [] : this.#own.slice(count);
  }

  async #readAhead(): Promise<void> {
    const upTo = this.#target;
    const events = await this.#parts.store.page({ after: this.#told, before: upTo + 1, order: 'oldest-first', limit: pageLimit });
    for (const event of events) this.#tell(event);
    // A number that is not there was never given: its transaction was rolled back.
    if (events.length < pageLimit) this.#told = Math.max(this.#told, upTo);
  }

  #tell(event: LabEvent): void {
    this.#told = event.id;
    for (const listener of this.#listeners) listener.onEvent(event);
  }

  #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#closed) resolve();
    else this.#retry = { timer: this.#parts.clock.after(retryMs, resolve), end: resolve };
    return promise;
  }
}
