import type { Log } from '../log.ts';
import { reasonOf } from './store-error.ts';

export interface Follower {
  heard(payloads: readonly unknown[]): void;
  /** Something may have been missed: everything has to be loaded again. */
  missed(): void | Promise<void>;
}

/** Who wants to know what other servers on the same database have changed, by area. */
export class Followers {
  readonly #log: Log;
  readonly #followers = new Map<string, Follower>();

  constructor(log: Log) {
    this.#log = log;
  }

  set(area: string, follower: Follower): void {
    this.#followers.set(area, follower);
  }

  heard(area: string, payloads: readonly unknown[] | undefined): void {
    const follower = this.#followers.get(area);
    if (follower === undefined) return;
    if (payloads === undefined) this.#loadAgain(area, follower);
    else this.#safely(area, () => follower.heard(payloads));
  }

  missed(): void {
    for (const [area, follower] of this.#followers) this.#loadAgain(area, follower);
  }

  #loadAgain(area: string, follower: Follower): void {
    this.#safely(area, () => follower.missed());
  }

  /** A message that a follower cannot digest must not end the service. */
  #safely(area: string, act: () => void | Promise<void>): void {
    new Promise<void>((resolve) => resolve(act())).catch((error: unknown) =>
      this.#log.error({ area, reason: reasonOf(error) }, 'a change by another server was not taken over'),
    );
  }
}
