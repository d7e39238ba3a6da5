import type { Clock, Timer } from '../clock.ts';

export interface Work {
  readonly id: string;
  /** Works of one key are done one after the other, in their order. */
  readonly key: string;
  /** Of these only a few are done at once. */
  readonly heavy: boolean;
  /** How long it may wait before it begins. */
  readonly withinMs: number;
  run(): Promise<void>;
  /** It waited too long: it will never begin. */
  expire(): void;
}

interface Waiting {
  readonly work: Work;
  readonly timer: Timer;
}

const maxWaiting = 256;
const maxRunning = 64;
const maxHeavy = 4;

/** What is to be done, in order for each key; bounded in what waits and in what is done at once. */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  readonly #running = new Set<Work>();
  readonly #idle = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#waiting.length >= maxWaiting;
  }

  get waitingIds(): readonly string[] {
    return this.#waiting.map(({ work }) => work.id);
  }

  add(work: Work): void {
    const timer = this.#clock.after(work.withinMs, () => {
      if (this.remove(work.id)) work.expire();
    });
    this.#waiting.push({ work, timer });
    this.#pump();
  }

  /** Takes out what has not begun; whether it was there. */
  remove(id: string): boolean {
    const at = this.#waiting.findIndex(({ work }) => work.id === id);
    if (at < 0) return false;
    const [taken] = this.#waiting.splice(at, 1);
    taken?.timer.cancel();
    this.#pump();
    return true;
  }

  /** Resolves when nothing is being done, but for the one that asks. */
  async idleBut(id: string): Promise<void> {
    while ([...this.#running].some((work) => work.id !== id)) {
      await new Promise<void>((resolve) => {
        this.#idle.add(resolve);
      });
    }
  }

  close(): void {
    for (const { timer } of this.#waiting) timer.cancel();
    this.#waiting.length = 0;
  }

  #pump(): void {
    const blocked = new Set([...this.#running].map(({ key }) => key));
    for (const entry of this.#waiting.slice()) {
      const { work, timer } = entry;
      const mayRun = !blocked.has(work.key) && this.#running.size < maxRunning && (!work.heavy || this.#heavy() < maxHeavy);
      blocked.add(work.key);
      if (!mayRun) continue;
      timer.cancel();
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      this.#running.add(work);
      void work.run().finally(() => this.#ended(work));
    }
  }

  #heavy(): number {
    return [...this.#running].filter(({ heavy }) => heavy).length;
  }

  #ended(work: Work): void {
    this.#running.delete(work);
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
    this.#pump();
  }
}
