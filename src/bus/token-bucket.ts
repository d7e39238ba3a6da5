import type { Clock } from '../clock.ts';

/** Lets so much through a second on average, and a burst at once. What is taken beyond it is owed, and waited for. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = clock.monotonic();
  }

  take(count: number): void {
    this.#refill();
    this.#tokens -= count;
  }

  /** Until nothing is owed any more. */
  waitMs(): number {
    this.#refill();
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / this.#perSecond) * 1000);
  }

  /** At least half of the burst can be taken again. */
  get calm(): boolean {
    this.#refill();
    return this.#tokens >= this.#burst / 2;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#perSecond);
    this.#atMs = nowMs;
  }
}
