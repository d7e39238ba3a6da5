import { HeldClock } from '../../src/clock.ts';
import { EventLog, type EventLogLimits } from '../../src/events/event-log.ts';
import type { EventFilter, NewEvent, Severity } from '../../src/events/event-store.ts';
import type { EventItem, EventSubscription } from '../../src/events/event-subscription.ts';
import { CapturedLog } from '../../src/log.ts';
import { MemoryEventStore } from './memory-event-store.ts';

export function event(n: number, more: Partial<NewEvent> = {}): NewEvent {
  return { atMs: Date.UTC(2026, 0, 1) + n, kind: 'test.happened', severity: 'info', detail: { n }, ...more };
}

export function severe(severity: Severity, n = 0): NewEvent {
  return event(n, { severity });
}

/** A log over a database of its own, or over that of another server. */
export class Rig {
  readonly clock = new HeldClock();
  readonly log = new CapturedLog();
  readonly store: MemoryEventStore;
  #events: EventLog | undefined;

  constructor(store = new MemoryEventStore()) {
    this.store = store;
  }

  get events(): EventLog {
    if (this.#events === undefined) throw new Error('start it first');
    return this.#events;
  }

  async start(limits: Partial<EventLogLimits> = {}): Promise<this> {
    this.#events = await EventLog.open({ store: this.store, keepDays: 30, clock: this.clock, log: this.log, limits });
    return this;
  }

  append(from: number, to = from, more: Partial<NewEvent> = {}): void {
    for (let n = from; n <= to; n++) this.events.append(event(n, more));
  }

  reader(options: { after?: number; filter?: EventFilter } = {}): Reader {
    return new Reader(this.events.subscribe(options));
  }
}

/** Reads a subscription as far as it is asked to. */
export class Reader {
  readonly items: (number | string)[] = [];
  readonly subscription: EventSubscription;
  readonly #iterator: AsyncIterator<EventItem>;
  /** Of the reading that goes on. */
  #reading: Promise<unknown> = Promise.resolve();
  ended = false;
  /** What `run` ended with, where the store failed: a client comes back then, with the last number that it heard. */
  failure: unknown;

  constructor(subscription: EventSubscription) {
    this.subscription = subscription;
    this.#iterator = subscription[Symbol.asyncIterator]();
  }

  async next(): Promise<number | string> {
    const { done, value } = await this.#iterator.next();
    this.ended = done === true;
    const item = done === true ? 'end' : value.kind === 'reset' ? `reset ${value.newest}` : value.event.id;
    this.items.push(item);
    return item;
  }

  /** Reads on, until the end. */
  run(): this {
    this.#reading = (async () => {
      while (!this.ended) await this.next();
    })().catch((error: unknown) => {
      this.failure = error;
    });
    return this;
  }

  async close(): Promise<void> {
    this.subscription.close();
    await this.#reading;
  }
}
