import type { Clock, Timer } from '../clock.ts';

/** setTimeout takes no more, and a clock that is set back fires too early: whoever is called looks at the time again. */
const longestWaitMs = 86_400_000;

/** Calls when a trial is due to go back; one timer a template. */
export class TrialTimers {
  readonly #clock: Clock;
  readonly #due: (name: string) => void;
  readonly #timers = new Map<string, Timer>();
  #closed = false;

  constructor(clock: Clock, due: (name: string) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** In place of what was set for this template before; without a time nothing is set. */
  set(name: string, untilMs: number | undefined): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
    if (untilMs === undefined || this.#closed) return;
    const waitMs = Math.min(longestWaitMs, Math.max(0, untilMs - this.#clock.now()));
    const timer = this.#clock.after(waitMs, () => {
      this.#timers.delete(name);
      this.#due(name);
    });
    this.#timers.set(name, timer);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
