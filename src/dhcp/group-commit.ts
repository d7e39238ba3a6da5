import type { Lease } from '../model/lease.ts';
import type { LeaseStore } from './lease-store.ts';

/**
 * One transaction at a time: leases that come while it is written share the next one, so a storm costs a few syncs instead
 * of one a lease.
 */
export class GroupCommit {
  readonly #store: Pick<LeaseStore, 'commit'>;
  #gathering = new Map<string, Lease>();
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(store: Pick<LeaseStore, 'commit'>) {
    this.#store = store;
  }

  /** Resolves when these leases are durable; rejects, with everybody in the same transaction, when they are not. */
  add(leases: readonly Lease[]): Promise<void> {
    for (const lease of leases) this.#gathering.set(lease.address, lease);
    this.#next ??= this.#begin();
    return this.#next;
  }

  /** Resolves when nothing is being written any more, also after failures. */
  async idle(): Promise<void> {
    while (this.#next !== undefined) await this.#next.catch(() => {});
    await this.#running;
  }

  async #begin(): Promise<void> {
    await this.#running;
    const leases = [...this.#gathering.values()];
    this.#gathering = new Map();
    this.#next = undefined;
    const written = this.#store.commit(leases);
    this.#running = written.catch(() => {});
    await written;
  }
}
