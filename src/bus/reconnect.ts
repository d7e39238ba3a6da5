import type { Clock } from '../clock.ts';

export interface ReconnectRules {
  /** The first return is somewhere in this time, so that hundreds of clients of a broker that started again do not come at once. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** A connection that lasted so long was a good one: the next return is a first one. */
  readonly goodMs: number;
}

export const reconnectRules: ReconnectRules = { firstMs: 4000, mostMs: 30_000, goodMs: 10_000 };

/** When to connect again: anywhere within a time that doubles with each failure ("full jitter"). */
export class Reconnect {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #rules: ReconnectRules;
  #failures = 0;
  #connectedMs: number | undefined;

  constructor(clock: Clock, random: () => number, rules: ReconnectRules = reconnectRules) {
    this.#clock = clock;
    this.#random = random;
    this.#rules = rules;
  }

  connected(): void {
    this.#connectedMs = this.#clock.monotonic();
  }

  /** After a connection was lost or did not come about. */
  delayMs(): number {
    const { firstMs, mostMs, goodMs } = this.#rules;
    const good = this.#connectedMs !== undefined && this.#clock.monotonic() - this.#connectedMs >= goodMs;
    this.#connectedMs = undefined;
    this.#failures = good ? 1 : this.#failures + 1;
    return this.#random() * Math.min(mostMs, firstMs * 2 ** Math.min(this.#failures - 1, 20));
  }
}
