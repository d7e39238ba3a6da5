import type { NewEvent, Severity } from '../../events/event-store.ts';

export const recentEventLimits = { ofKind: 20, inAll: 200, minutes: 10 } as const;

const ranks: Readonly<Record<Severity, number>> = { debug: 0, info: 1, warning: 2, error: 3 };

/**
 * What triggers see of what happened. Much of one kind pushes out the oldest of that kind alone; where there is too much of many kinds,
 * the oldest of the lowest severity goes.
 */
export class RecentEvents {
  #events: readonly NewEvent[] = [];

  /** The newest last. */
  get all(): readonly NewEvent[] {
    return this.#events;
  }

  /** Single packets and files, of severity `debug`, are for people who look closely. */
  add(event: NewEvent, nowMs: number): void {
    if (event.severity === 'debug' || !isRecent(event, nowMs)) return;
    const events = [...this.#events.filter((each) => isRecent(each, nowMs)), event];
    const ofKind = events.filter(({ kind }) => kind === event.kind);
    if (ofKind.length > recentEventLimits.ofKind) drop(events, ofKind[0]);
    else if (events.length > recentEventLimits.inAll) drop(events, leastOf(events));
    this.#events = events;
  }
}

export function isRecent({ atMs }: NewEvent, nowMs: number): boolean {
  return nowMs - atMs <= recentEventLimits.minutes * 60_000;
}

function drop(events: NewEvent[], event: NewEvent | undefined): void {
  if (event !== undefined) events.splice(events.indexOf(event), 1);
}

function leastOf(events: readonly NewEvent[]): NewEvent | undefined {
  const least = Math.min(...events.map(({ severity }) => ranks[severity]));
  return events.find(({ severity }) => ranks[severity] === least);
}
