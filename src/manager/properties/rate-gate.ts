/** So many a second, and some at once: a bucket that fills up again (RFC 2697 in one colour). */
export class RateGate {
  readonly #perSecond: number;
  readonly #atOnce: number;
  #left: number;
  #atMs: number | undefined;

  constructor(perSecond: number, atOnce: number) {
    this.#perSecond = perSecond;
    this.#atOnce = atOnce;
    this.#left = atOnce;
  }

  /** How many of `wanted` may pass now. A clock that went back fills nothing. */
  take(wanted: number, nowMs: number): number {
    const passedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs));
    this.#atMs = nowMs;
    this.#left = Math.min(this.#atOnce, this.#left + (passedMs / 1000) * this.#perSecond);
    const taken = Math.min(wanted, Math.floor(this.#left));
    this.#left -= taken;
    return taken;
  }
}
