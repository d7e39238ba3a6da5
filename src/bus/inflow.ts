import type { Clock } from '../clock.ts';
import type { BrokerLimits } from './broker-limits.ts';
import { TokenBucket } from './token-bucket.ts';

export type InflowVerdict =
  | { readonly kind: 'read' }
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'flood'; readonly reason: string };

/** How fast one client may send: a burst goes through, then it is slowed down, and who keeps pushing is a flood. */
export class Inflow {
  readonly #clock: Clock;
  readonly #limits: BrokerLimits;
  readonly #publishes: TokenBucket;
  readonly #bytes: TokenBucket;
  #slowedSinceMs: number | undefined;

  constructor(clock: Clock, limits: BrokerLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#publishes = new TokenBucket(clock, limits.publishesPerSecond, limits.publishBurst);
    this.#bytes = new TokenBucket(clock, limits.bytesPerSecond, limits.byteBurst);
  }

  publish(): void {
    this.#publishes.take(1);
  }

  /** After each piece that was read. */
  read(bytes: number): InflowVerdict {
    this.#bytes.take(bytes);
    const nowMs = this.#clock.monotonic();
    const waitMs = Math.max(this.#publishes.waitMs(), this.#bytes.waitMs());
    if (waitMs === 0) {
      if (this.#publishes.calm && this.#bytes.calm) this.#slowedSinceMs = undefined;
      return { kind: 'read' };
    }
    this.#slowedSinceMs ??= nowMs;
    const { floodSeconds, publishesPerSecond, bytesPerSecond } = this.#limits;
    if (nowMs - this.#slowedSinceMs + waitMs <= floodSeconds * 1000) return { kind: 'wait', waitMs };
    const what = this.#publishes.waitMs() >= this.#bytes.waitMs() ? `${publishesPerSecond} messages` : `${bytesPerSecond} bytes`;
    return { kind: 'flood', reason: `it sent more than ${what} a second for ${floodSeconds} s, though it was slowed down` };
  }
}
