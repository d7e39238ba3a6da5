import type { Lease } from '../model/lease.ts';
import type { LeaseStore, LeaseWrite } from './lease-store.ts';

/**
 * One transaction at a time: leases that come while it is written share the next one, so a storm costs a few syncs instead
 * of one a lease.
 */
export class GroupCommit {
  readonly #store: Pick<LeaseStore, 'commit'>;
  #gathering: LeaseWrite[] = [];
  /** Where the last write of an address stands among those that gather. */
  readonly #places = new Map<string, number>();
  #next: Promise<readonly Lease[]> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(store: Pick<LeaseStore, 'commit'>) {
    this.#store = store;
  }

  /**
   * Resolves when these leases are durable, with the leases of others that stand in their places; rejects, with everybody
   * in the same transaction, when they are not.
   */
  async add(writes: readonly LeaseWrite[]): Promise<readonly Lease[]> {
    for (const write of writes) this.#gather(write);
    this.#next ??= this.#begin();
    const standing = await this.#next;
    return standing.filter(({ address }) => writes.some(({ lease }) => lease.address === address));
  }

  /** Resolves when nothing is being written any more, also after failures. */
  async idle(): Promise<void> {
    while (this.#next !== undefined) await this.#next.catch(() => {});
    await this.#running;
  }

  /** What one client does with one address in a row is one write, over what it began with. */
  #gather(write: LeaseWrite): void {
    const place = this.#places.get(write.lease.address);
    const before = place === undefined ? undefined : this.#gathering[place];
    if (place !== undefined && before?.lease.mac === write.lease.mac) {
      this.#gathering[place] = { ...before, lease: write.lease };
    } else {
      this.#places.set(write.lease.address, this.#gathering.length);
      this.#gathering.push(write);
    }
  }

  async #begin(): Promise<readonly Lease[]> {
    await this.#running;
    const writes = this.#gathering;
    this.#gathering = [];
    this.#places.clear();
    this.#next = undefined;
    const written = this.#store.commit(writes);
    this.#running = written.catch(() => {});
    return written;
  }
}
