import type { Clock } from '../clock.ts';
import { ProblemError } from './problems.ts';

interface Failures {
  count: number;
  lastMs: number;
}

export interface LoginLimits {
  /** Wrong passwords before one has to wait. */
  readonly free: number;
  readonly longestWaitMs: number;
  /** After this time without a failure all is forgotten. */
  readonly forgetMs: number;
  /** Keys that are remembered. */
  readonly keys: number;
}

const defaultLimits: LoginLimits = { free: 5, longestWaitMs: 15 * 60_000, forgetMs: 60 * 60_000, keys: 10_000 };

/**
 * Makes guessing slow: after some wrong passwords from an address, or for a user, the next try has to wait, twice as long
 * each time. A try counts as wrong from its beginning, so that many at once gain nothing.
 */
export class LoginLimit {
  readonly #clock: Clock;
  readonly #limits: LoginLimits;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock, limits: Partial<LoginLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** @throws ProblemError 429 with Retry-After */
  begin(keys: readonly string[]): void {
    const waitMs = Math.max(0, ...keys.map((key) => this.#waitMs(key)));
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      throw new ProblemError('too-many', `Too many wrong passwords: try again in ${seconds} s.`, {
        headers: { 'retry-after': String(seconds) },
      });
    }
    for (const key of keys) this.#count(key);
  }

  /** The password was right: the user's failures are forgotten. Of an address only this try is, or one's own account would clear it. */
  succeeded(user: string, others: readonly string[]): void {
    this.#failures.delete(user);
    for (const key of others) {
      const failures = this.#failures.get(key);
      if (failures !== undefined) failures.count--;
    }
  }

  #waitMs(key: string): number {
    const failures = this.#failures.get(key);
    if (failures === undefined || failures.count < this.#limits.free) return 0;
    const waitMs = Math.min(this.#limits.longestWaitMs, 1000 * 2 ** Math.min(30, failures.count - this.#limits.free));
    return failures.lastMs + waitMs - this.#clock.monotonic();
  }

  #count(key: string): void {
    const nowMs = this.#clock.monotonic();
    const before = this.#failures.get(key);
    const isOld = before === undefined || nowMs - before.lastMs > this.#limits.forgetMs;
    this.#failures.delete(key);
    this.#failures.set(key, { count: isOld ? 1 : before.count + 1, lastMs: nowMs });
    // The one that has been quiet longest goes.
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > this.#limits.keys && oldest !== undefined) this.#failures.delete(oldest);
  }
}
