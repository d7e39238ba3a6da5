import type { Log } from '../log.ts';
import { reasonOf } from './store-error.ts';

export interface Follower {
  heard(payloads: readonly unknown[]): void;
  /** Something may have been missed: everything has to be loaded again. */
  missed(): void | Promise<void>;
}

const followable = ['leases', 'objects', 'templates', 'events', 'manager', 'hostBoots'] as const;
export type Followable = (typeof followable)[number];

/** Who wants to know what other servers on the same database have changed, by area. */
export class Followers {
  readonly #log: Log;
  readonly #followers = new Map<Followable, Follower>();
  /** Areas that changed before anybody followed them, and perhaps after they were loaded. */
  readonly #early = new Set<Followable>();

  constructor(log: Log) {
    this.#log = log;
  }

  set(area: Followable, follower: Follower): void {
    this.#followers.set(area, follower);
    if (this.#early.delete(area)) this.#loadAgain(area, follower);
  }

  heard(name: string, payloads: readonly unknown[] | undefined): void {
    const area = followable.find((each) => each === name);
    const follower = area && this.#followers.get(area);
    if (area === undefined) return;
    if (follower === undefined) this.#early.add(area);
    else if (payloads === undefined) this.#loadAgain(area, follower);
    else this.#safely(area, () => follower.heard(payloads));
  }

  missed(): void {
    for (const area of followable) this.heard(area, undefined);
  }

  #loadAgain(area: string, follower: Follower): void {
    this.#safely(area, () => follower.missed());
  }

  /** A message that a follower cannot digest must not end the service. */
  #safely(area: string, act: () => void | Promise<void>): void {
    Promise.resolve()
      .then(act)
      .catch((error: unknown) => this.#log.error({ area, reason: reasonOf(error) }, 'a change by another server was not taken over'));
  }
}
