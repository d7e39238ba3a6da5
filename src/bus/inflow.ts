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
  readonly #packets: TokenBucket;
  readonly #bytes: TokenBucket;
  #slowedSinceMs: number | undefined;

  constructor(clock: Clock, limits: BrokerLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#packets = new TokenBucket(clock, limits.packetsPerSecond, limits.packetBurst);
    this.#bytes = new TokenBucket(clock, limits.bytesPerSecond, limits.byteBurst);
  }

  packet(): void {
    this.#packets.take(1);
  }

  /** After each piece that was read. */
  read(bytes: number): InflowVerdict {
    this.#bytes.take(bytes);
    const nowMs = this.#clock.monotonic();
    const waitMs = Math.max(this.#packets.waitMs(), this.#bytes.waitMs());
    if (waitMs === 0) {
      if (this.#packets.calm && this.#bytes.calm) this.#slowedSinceMs = undefined;
      return { kind: 'read' };
    }
    this.#slowedSinceMs ??= nowMs;
    const { floodSeconds, packetsPerSecond, bytesPerSecond } = this.#limits;
    if (nowMs - this.#slowedSinceMs + waitMs <= floodSeconds * 1000) return { kind: 'wait', waitMs };
    const what = this.#packets.waitMs() >= this.#bytes.waitMs() ? `${packetsPerSecond} packets` : `${bytesPerSecond} bytes`;
    return { kind: 'flood', reason: `it sent more than ${what} a second for ${floodSeconds} s, though it was slowed down` };
  }
}
