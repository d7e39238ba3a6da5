import type { Clock, Timer } from '../../../src/clock.ts';

/**
 * The clock of one process: it may run a little fast or slow, the process may be stopped for a time (SIGSTOP, a machine that swaps),
 * and when it is killed nothing of it ever runs again.
 */
export class ProcessClock implements Clock {
  readonly #world: Clock;
  readonly #rate: number;
  readonly #bornMs: number;
  #state: 'runs' | 'frozen' | 'dead' = 'runs';
  #held: (() => void)[] = [];

  constructor(world: Clock, rate = 1) {
    this.#world = world;
    this.#rate = rate;
    this.#bornMs = world.monotonic();
  }

  get alive(): boolean {
    return this.#state !== 'dead';
  }

  now(): number {
    return this.#world.now();
  }

  /** Counts from its machine's boot, not from the world's beginning: nothing may compare it with another's. */
  monotonic(): number {
    return 1000 + (this.#world.monotonic() - this.#bornMs) * this.#rate;
  }

  after(delayMs: number, action: () => void): Timer {
    let cancelled = false;
    const timer = this.#world.after(Math.max(0, delayMs) / this.#rate, () =>
      this.run(() => {
        if (!cancelled) action();
      }),
    );
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** Runs what comes to the process from outside: now, when it thaws, or never. */
  run(action: () => void): void {
    if (this.#state === 'runs') action();
    else if (this.#state === 'frozen') this.#held.push(action);
  }

  /** What the process awaits of the outside: it hears the answer when it runs, and never when it is dead. */
  async hear<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return await new Promise((resolve, reject) => {
      answer.then(
        (value) => this.run(() => resolve(value)),
        (error: unknown) => this.run(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
    });
  }

  freeze(): void {
    if (this.#state === 'runs') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'runs';
    const held = this.#held;
    this.#held = [];
    for (const action of held) this.run(action);
  }

  kill(): void {
    this.#state = 'dead';
    this.#held = [];
  }
}
