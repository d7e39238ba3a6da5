import { matchesFilter } from '../../src/events/event-filter.ts';
import type { EventPage, EventStore, LabEvent, NewEvent } from '../../src/events/event-store.ts';

/** A database that several servers may share; it can be slow and can fail. */
export class MemoryEventStore implements EventStore {
  events: LabEvent[] = [];
  newest = 0;
  failure: Error | undefined;
  pageFailure: Error | undefined;
  pruneFailure: Error | undefined;
  /** How often it was asked to append, and with how many. */
  readonly batches: number[] = [];
  pages = 0;
  /** Waited for before anything is done, and again before the answer: for who wants to be in between. */
  pause: (step: 'append' | 'appended' | 'page' | 'paged' | 'bounds') => Promise<void> = () => Promise.resolve();
  readonly #listeners: ((newest: number) => void)[] = [];

  async append(events: readonly NewEvent[]): Promise<readonly LabEvent[]> {
    await this.pause('append');
    this.batches.push(events.length);
    if (this.failure !== undefined) throw this.failure;
    const numbered = events.map((event): LabEvent => ({ ...event, id: ++this.newest }));
    this.events.push(...numbered);
    await this.pause('appended');
    return numbered;
  }

  /** Another server's events: this one hears of them by {@link tell}. */
  appendElsewhere(...events: readonly NewEvent[]): void {
    for (const event of events) this.events.push({ ...event, id: ++this.newest });
  }

  tell(newest = this.newest): void {
    for (const listener of this.#listeners) listener(newest);
  }

  async page({ after = 0, before = Infinity, order, limit, ...filter }: EventPage): Promise<readonly LabEvent[]> {
    this.pages++;
    await this.pause('page');
    if (this.pageFailure !== undefined) throw this.pageFailure;
    const found = this.events.filter((event) => event.id > after && event.id < before && matchesFilter(filter, event));
    const page = (order === 'oldest-first' ? found : found.toReversed()).slice(0, limit);
    await this.pause('paged');
    return page;
  }

  async bounds(): Promise<{ readonly oldest: number; readonly newest: number }> {
    await this.pause('bounds');
    return { oldest: this.events[0]?.id ?? this.newest + 1, newest: this.newest };
  }

  prune(beforeMs: number): Promise<number> {
    if (this.pruneFailure !== undefined) return Promise.reject(this.pruneFailure);
    const old = new Set(this.events.filter(({ atMs }) => atMs < beforeMs).slice(0, 3));
    this.events = this.events.filter((event) => !old.has(event));
    return Promise.resolve(old.size);
  }

  follow(listener: (newest: number) => void): void {
    this.#listeners.push(listener);
  }
}
