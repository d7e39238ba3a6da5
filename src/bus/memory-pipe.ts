import type { Clock, Timer } from '../clock.ts';

/** One direction of a connection: what goes in comes out in the same order, each at its time or when that before it has. */
export class MemoryPipe {
  readonly #clock: Clock;
  readonly #stepped: () => void;
  #waiting: { readonly dueMs: number; readonly run: () => void }[] = [];
  #timer: Timer | undefined;
  #running = false;
  #held = false;
  #closed = false;

  constructor(clock: Clock, stepped: () => void) {
    this.#clock = clock;
    this.#stepped = stepped;
  }

  add(delayMs: number, run: () => void): void {
    if (this.#closed) return;
    this.#waiting.push({ dueMs: this.#clock.monotonic() + delayMs, run });
    this.#wake();
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
  }

  #wake(): void {
    const [next] = this.#waiting;
    if (next === undefined || this.#running || this.#held || this.#timer !== undefined) return;
    const delayMs = next.dueMs - this.#clock.monotonic();
    if (delayMs > 0) {
      this.#timer = this.#clock.after(delayMs, () => {
        this.#timer = undefined;
        this.#run();
      });
      return;
    }
    this.#running = true;
    queueMicrotask(() => {
      this.#running = false;
      if (!this.#held) this.#run();
    });
  }

  #run(): void {
    const next = this.#waiting.shift();
    this.#stepped();
    next?.run();
    this.#wake();
  }
}
