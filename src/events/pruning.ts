import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';

export interface PruningParts {
  /** Deletes some of what is older; returns how many. */
  readonly prune: (beforeMs: number) => Promise<number>;
  readonly keepDays: number;
  /** `events`, for the log. */
  readonly of: string;
  readonly clock: Clock;
  readonly log: Log;
}

const dayMs = 86_400_000;
const firstMs = 60_000;
const everyMs = 3_600_000;
/** Between two bites, so that a lease need not wait for all of them. */
const pauseMs = 200;

/** Deletes what is older than it is to be kept, a bite at a time, for as long as the service runs. */
export class Pruning {
  readonly #parts: PruningParts;
  #timer: Timer;
  #running: Promise<void> | undefined;
  #deleted = 0;
  #closed = false;

  constructor(parts: PruningParts) {
    this.#parts = parts;
    this.#timer = parts.clock.after(firstMs, () => this.#bite());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer.cancel();
    await this.#running;
  }

  #bite(): void {
    const { clock, keepDays, log, of } = this.#parts;
    this.#running = this.#parts.prune(clock.now() - keepDays * dayMs).then(
      (count) => {
        this.#deleted += count;
        if (count === 0 && this.#deleted > 0)
          log.info({ count: this.#deleted, keepDays }, `${of} that are older than they are kept are deleted`);
        if (count === 0) this.#deleted = 0;
        this.#next(count === 0 ? everyMs : pauseMs);
      },
      (error: unknown) => {
        log.error({ err: error, keepDays }, `old ${of} cannot be deleted; tried again in an hour`);
        this.#next(everyMs);
      },
    );
  }

  #next(delayMs: number): void {
    if (!this.#closed) this.#timer = this.#parts.clock.after(delayMs, () => this.#bite());
  }
}
