import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import { severityRank } from './event-filter.ts';
import { EventQueue } from './event-queue.ts';
import type { EventStore, LabEvent, NewEvent, Severity } from './event-store.ts';
import { plainEvent } from './plain-event.ts';

export interface EventWriterParts {
  readonly store: Pick<EventStore, 'append'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly queueLimit: number;
  readonly batchLimit: number;
  /** Called with what is durable now, in the order of its numbers. */
  readonly onWritten: (events: readonly LabEvent[]) => void;
}

const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** Brings events into the store, whatever they come from and however long it fails, without holding up who tells them. */
export class EventWriter {
  readonly #parts: EventWriterParts;
  readonly #queue: EventQueue;
  #dropped = { count: 0, worst: 'debug' as Severity };
  /** In the store's hands. */
  #underWay = 0;
  #running: Promise<void> | undefined;
  #failures = 0;
  #closing = false;
  #pause: { readonly timer: Timer; readonly end: () => void } | undefined;

  constructor(parts: EventWriterParts) {
    this.#parts = parts;
    this.#queue = new EventQueue(parts.queueLimit);
  }

  /** Never throws and never waits. */
  append(event: NewEvent): void {
    try {
      const dropped = this.#queue.push(plainEvent(event));
      if (dropped !== undefined) this.#countDropped(dropped);
    } catch (error) {
      this.#parts.log.error({ err: error, kind: event.kind }, 'an event cannot be kept: its detail is no plain JSON');
      this.#countDropped(event.severity);
    }
    this.#running ??= this.#run();
  }

  /** Resolves when all that was told is durable. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Tries once more to write what waits; what the store does not take now is lost, and the log says how much. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#endPause();
    await this.idle();
  }

  #countDropped(severity: Severity): void {
    const { count, worst } = this.#dropped;
    this.#dropped = { count: count + 1, worst: severityRank(severity) > severityRank(worst) ? severity : worst };
  }

  async #run(): Promise<void> {
    // What is told in the same turn shares a transaction.
    await Promise.resolve();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#write(batch);
    this.#running = undefined;
  }

  #take(): readonly NewEvent[] {
    const batch = this.#queue.take(this.#parts.batchLimit);
    const { count, worst } = this.#dropped;
    if (count > 0) {
      this.#dropped = { count: 0, worst: 'debug' };
      batch.push({ atMs: this.#parts.clock.now(), kind: 'events.dropped', severity: 'warning', detail: { count, worst } });
    }
    this.#underWay = batch.length;
    return batch;
  }

  async #write(batch: readonly NewEvent[]): Promise<void> {
    const { store, log, onWritten } = this.#parts;
    for (;;) {
      const isLastTry = this.#closing;
      try {
        const written = await store.append(batch);
        if (this.#failures > 0) log.info({ failures: this.#failures }, 'events are written again');
        this.#failures = 0;
        onWritten(written);
        return;
      } catch (error) {
        this.#failures++;
        if (this.#failures === 1)
          log.error({ err: error, waiting: this.waiting }, 'events cannot be written: they wait in memory until the database takes them');
        if (isLastTry) {
          log.error({ err: error, count: this.waiting }, 'the service ends, and events that the database did not take are lost');
          this.#queue.take(Infinity);
          this.#dropped = { count: 0, worst: 'debug' };
          return;
        }
        await this.#wait(Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#failures - 1, 10)));
      }
    }
  }

  get waiting(): number {
    return this.#queue.length + this.#underWay;
  }

  #wait(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#closing) resolve();
    else this.#pause = { timer: this.#parts.clock.after(delayMs, resolve), end: resolve };
    return promise;
  }

  #endPause(): void {
    this.#pause?.timer.cancel();
    this.#pause?.end();
  }
}
