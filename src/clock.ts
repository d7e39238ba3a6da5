/** Time, as the servers see it. Tests hold it still; production reads the machine's. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970, for people and for the database. */
  now(): number;
  /** Milliseconds from an arbitrary start that never go back, for durations and timers. */
  monotonic(): number;
  /** Runs `action` once after `delayMs`; `cancel()` is safe at any time, also afterwards. */
  after(delayMs: number, action: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** The machine's own clock. Its timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, action) {
    const handle = setTimeout(action, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** A clock that stands still until a test moves it. Timers fire in the order of their due times. */
export class HeldClock implements Clock {
  #elapsedMs = 0;
  #order = 0;
  readonly #startMs: number;
  readonly #pending = new Set<Pending>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, action: () => void): Timer {
    const pending = { dueMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, action };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** How many timers wait: a closed server leaves none. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Moves time forward, firing every timer that falls due on the way, those set meanwhile included. */
  advance(byMs: number): void {
    const untilMs = this.#elapsedMs + byMs;
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#pending.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.action();
    }
    this.#elapsedMs = untilMs;
  }

  /**
   * Fires the next timer alone where it is due within `byMs`, and says whether there was one; otherwise moves time by all of it.
   * So that what a timer began is awaited before the next one fires.
   */
  step(byMs: number): boolean {
    const untilMs = this.#elapsedMs + byMs;
    const next = this.#next(untilMs);
    if (next !== undefined) this.#pending.delete(next);
    this.#elapsedMs = next === undefined ? untilMs : Math.max(this.#elapsedMs, next.dueMs);
    next?.action();
    return next !== undefined;
  }

  #next(untilMs: number): Pending | undefined {
    let first: Pending | undefined;
    for (const candidate of this.#pending) {
      if (candidate.dueMs > untilMs) continue;
      if (first === undefined || candidate.dueMs < first.dueMs || (candidate.dueMs === first.dueMs && candidate.order < first.order))
        first = candidate;
    }
    return first;
  }
}
