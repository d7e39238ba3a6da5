export interface RetransmissionLimits {
  /** Before anything was measured. */
  readonly initialMs: number;
  readonly floorMs: number;
  readonly ceilingMs: number;
}

/** Below this a timer would fire on the jitter of the machine's own scheduler. */
const granularityMs = 5;

/**
 * How long to wait for an ACK: RFC 6298, with Karn's rule in the hands of the caller, who gives no sample for a block
 * that was sent twice. The first repeat waits no longer than the first send did: on a boot network two losses in a row
 * are chance, and only the third is taken for congestion. Then the waits grow fast, twice and four times: atftp answers
 * one repeated block, and after that only its own timer of 5 s speaks, which every packet that it hears winds up again.
 */
export class RetransmissionTimer {
  readonly #limits: RetransmissionLimits;
  #smoothedMs: number | undefined;
  #variationMs = 0;
  #timeouts = 0;

  constructor(limits: RetransmissionLimits) {
    this.#limits = limits;
  }

  get roundTripMs(): number | undefined {
    return this.#smoothedMs;
  }

  get delayMs(): number {
    const { initialMs, floorMs, ceilingMs } = this.#limits;
    const measured = this.#smoothedMs === undefined ? initialMs : this.#smoothedMs + Math.max(granularityMs, 4 * this.#variationMs);
    return Math.min(ceilingMs, Math.max(floorMs, measured) * growth(this.#timeouts));
  }

  /** RFC 6298 2.2 and 2.3. A sample also ends the backing off (5.7). */
  sample(roundTripMs: number): void {
    this.#timeouts = 0;
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = roundTripMs;
      this.#variationMs = roundTripMs / 2;
      return;
    }
    this.#variationMs = 0.75 * this.#variationMs + 0.25 * Math.abs(this.#smoothedMs - roundTripMs);
    this.#smoothedMs = 0.875 * this.#smoothedMs + 0.125 * roundTripMs;
  }

  timedOut(): void {
    this.#timeouts = Math.min(this.#timeouts + 1, 30);
  }
}

function growth(timeouts: number): number {
  return timeouts < 2 ? 1 : 2 * 4 ** (timeouts - 2);
}
