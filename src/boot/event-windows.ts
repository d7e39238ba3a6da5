import type { Clock } from '../clock.ts';

/** So many events of one key in one window. */
export interface EventLimit {
  /** Of a closed set, or of names that are bounded in number. */
  readonly key: string;
  readonly events: number;
}

interface Window {
  readonly startedMs: number;
  admitted: number;
  suppressed: number;
}

/** Counts events by key and lets only so many of each through in a window of time. */
export class EventWindows {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #onSuppressed: (key: string, count: number) => void;
  readonly #windows = new Map<string, Window>();

  /** @param onSuppressed told what was held back, when the next window of the key begins */
  constructor(clock: Clock, windowMs: number, onSuppressed: (key: string, count: number) => void) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#onSuppressed = onSuppressed;
  }

  admits({ key, events }: EventLimit): boolean {
    const nowMs = this.#clock.monotonic();
    let window = this.#windows.get(key);
    if (window === undefined || nowMs - window.startedMs >= this.#windowMs) {
      if (window !== undefined && window.suppressed > 0) this.#onSuppressed(key, window.suppressed);
      window = { startedMs: nowMs, admitted: 0, suppressed: 0 };
      this.#windows.set(key, window);
    }
    if (window.admitted >= events) {
      window.suppressed++;
      return false;
    }
    window.admitted++;
    return true;
  }
}
