/** How long the control thread may be held at a time. */
const sliceMs = 4;

/** Lets packets through between the slices of long work. */
export class Breath {
  #sinceMs = performance.now();

  /** To be awaited between one item and the next. */
  async take(): Promise<void> {
    if (performance.now() - this.#sinceMs < sliceMs) return;
    await new Promise((resolve) => void setImmediate(resolve));
    this.#sinceMs = performance.now();
  }
}
