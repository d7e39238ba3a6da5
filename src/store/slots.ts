/** Lets so many run at once; others wait in their order, and those that would make too long a queue are refused. */
export class Slots {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  async run<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#waiting.length >= this.#mostWaiting) throw new Error(`${this.#mostWaiting} others wait already`);
    if (this.#running >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      // The slot goes on to the next one, or somebody who comes just now would overtake it.
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
