import { severitiesFrom, severityRank } from './event-filter.ts';
import type { NewEvent, Severity } from './event-store.ts';

interface Waiting {
  readonly order: number;
  readonly event: NewEvent;
}

/** Events that wait for the store, in their order. When it is full, the least important make room. */
export class EventQueue {
  readonly #limit: number;
  /** One lane a severity, so that room is made without a search. */
  readonly #lanes: readonly Waiting[][] = severitiesFrom('debug').map(() => []);
  #order = 0;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  /** @returns the severity of what was dropped for it, itself perhaps; nothing where there was room */
  push(event: NewEvent): Severity | undefined {
    let dropped: Severity | undefined;
    if (this.#length >= this.#limit) {
      const least = this.#lanes.findIndex((_, lane) => this.#head(lane) !== undefined);
      // Of equals the one that is there stays: it was first, and it is cheaper.
      if (least === -1 || least >= severityRank(event.severity)) return event.severity;
      dropped = this.#shift(least)?.severity;
    }
    this.#lanes[severityRank(event.severity)]?.push({ order: this.#order++, event });
    this.#length++;
    return dropped;
  }

  /** Takes the oldest ones out. */
  take(count: number): NewEvent[] {
    const taken: NewEvent[] = [];
    while (taken.length < count && this.#length > 0) {
      let first = -1;
      for (let lane = 0; lane < this.#lanes.length; lane++) {
        const head = this.#head(lane);
        if (head !== undefined && (first === -1 || head.order < (this.#head(first)?.order ?? 0))) first = lane;
      }
      const event = this.#shift(first);
      if (event === undefined) break;
      taken.push(event);
    }
    return taken;
  }

  #head(lane: number): Waiting | undefined {
    return this.#lanes[lane]?.[0];
  }

  #shift(lane: number): NewEvent | undefined {
    const waiting = this.#lanes[lane]?.shift();
    if (waiting !== undefined) this.#length--;
    return waiting?.event;
  }
}
