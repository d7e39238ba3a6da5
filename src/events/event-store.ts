export type Severity = 'debug' | 'info' | 'warning' | 'error';

/** Something that happened, as it is told to people and kept for a time. */
export interface NewEvent {
  /** Wall-clock milliseconds. */
  readonly atMs: number;
  /** `boot.stuck`, `machine.assigned`, `template.published`: the noun, a dot, what happened. */
  readonly kind: string;
  readonly severity: Severity;
  /** Names of what it is about. */
  readonly machine?: string;
  readonly attempt?: string;
  /** What else is to be known, as plain JSON. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface LabEvent extends NewEvent {
  /** Counts up without end; events become visible in the order of their numbers. */
  readonly id: number;
}

export interface EventFilter {
  /** Exact kinds, or all of a noun: `boot.*`. An empty list is no condition. */
  readonly kinds?: readonly string[];
  readonly machine?: string;
  readonly attempt?: string;
  /** This one and worse. */
  readonly severity?: Severity;
  /**
   * A text that the kind, the machine or the detail holds; the case of letters does not count. A database looks for it among
   * its newest 100,000 events.
   */
  readonly q?: string;
  /** Both belong to the time asked for. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

export interface EventPage extends EventFilter {
  /** Only numbers above or below this one. */
  readonly after?: number;
  readonly before?: number;
  readonly order: 'oldest-first' | 'newest-first';
  readonly limit: number;
}

/** Where events outlive the process. */
export interface EventStore {
  /** Durable when it resolves; the numbers are in the order given. */
  append(events: readonly NewEvent[]): Promise<readonly LabEvent[]>;
  page(page: EventPage): Promise<readonly LabEvent[]>;
  /** The lowest number that there is and the highest that was given; where there is nothing, `oldest` is one above `newest`. */
  bounds(): Promise<{ readonly oldest: number; readonly newest: number }>;
  /** Deletes what is older, a bounded number at a time; returns how many. */
  prune(beforeMs: number): Promise<number>;
  /** Called when another server on the same database has appended up to this number. Never with SQLite. */
  follow(listener: (newest: number) => void): void;
}
