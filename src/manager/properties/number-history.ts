const bornWith = 4;

/** The newest numbers and when they came, in 16 bytes each; older ones make room. */
export class NumberHistory {
  readonly #most: number;
  #times: Float64Array;
  #values: Float64Array;
  #next = 0;
  #size = 0;

  constructor(most: number) {
    this.#most = most;
    this.#times = new Float64Array(Math.min(bornWith, most));
    this.#values = new Float64Array(Math.min(bornWith, most));
  }

  add(atMs: number, value: number): void {
    if (this.#size === this.#times.length && this.#size < this.#most) this.#grow();
    this.#times[this.#next] = atMs;
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % this.#times.length;
    this.#size = Math.min(this.#size + 1, this.#times.length);
  }

  /** The newest last. */
  entries(): { readonly atMs: number; readonly value: number }[] {
    const first = (this.#next - this.#size + this.#times.length) % this.#times.length;
    return Array.from({ length: this.#size }, (_, index) => {
      const at = (first + index) % this.#times.length;
      return { atMs: this.#times[at] ?? 0, value: this.#values[at] ?? 0 };
    });
  }

  /** Only when it is full and was never written over: its first entry stands at 0. */
  #grow(): void {
    const times = new Float64Array(Math.min(this.#most, this.#size * 2));
    const values = new Float64Array(times.length);
    times.set(this.#times);
    values.set(this.#values);
    this.#times = times;
    this.#values = values;
    this.#next = this.#size;
  }
}
