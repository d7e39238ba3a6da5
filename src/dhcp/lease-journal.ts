import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Lease } from '../model/lease.ts';
import { GroupCommit } from './group-commit.ts';
import type { LeaseStore, LeaseWrite } from './lease-store.ts';

const RETRY_MS = 5000;

export interface LeaseJournalParts {
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Leases that stand in the store by another server's doing. */
  readonly adopt: (leases: readonly Lease[]) => void;
}

/** The way of leases to the store and back: group commits, and what other servers write there. */
export class LeaseJournal {
  readonly #parts: LeaseJournalParts;
  readonly #commits: GroupCommit;
  /** How many writes of an address are on their way. */
  readonly #writing = new Map<Ipv4, number>();
  /** While the leases are read again: those that were written meanwhile, of which the reading may know nothing. */
  #writtenMeanwhile: Set<Ipv4> | undefined;
  #retry: Timer | undefined;

  constructor(parts: LeaseJournalParts) {
    this.#parts = parts;
    this.#commits = new GroupCommit(parts.store);
  }

  /** Gives `enter` all leases, the oldest first, and follows other servers from then on. */
  async load(enter: (lease: Lease) => void): Promise<void> {
    const { store, log, adopt } = this.#parts;
    const early: Lease[] = [];
    let isLoaded = false;
    let missed = false;
    store.follow(
      (leases) => {
        if (isLoaded) adopt(leases);
        else early.push(...leases);
      },
      () => {
        missed = true;
        if (isLoaded) void this.#readAgain();
      },
    );
    const leases = await store.load();
    leases.toSorted((one, other) => one.grantedMs - other.grantedMs).forEach(enter);
    adopt(early);
    isLoaded = true;
    log.info({ leases: leases.length }, 'leases loaded');
    if (missed) await this.#readAgain();
  }

  /** Resolves when they are durable, with what stands in the way of some of them: it was adopted. */
  async commit(writes: readonly LeaseWrite[]): Promise<readonly Lease[]> {
    for (const { lease } of writes) {
      this.#writing.set(lease.address, (this.#writing.get(lease.address) ?? 0) + 1);
      this.#writtenMeanwhile?.add(lease.address);
    }
    try {
      const standing = await this.#commits.add(writes);
      this.#parts.adopt(standing);
      return standing;
    } finally {
      for (const { lease } of writes) {
        const left = (this.#writing.get(lease.address) ?? 1) - 1;
        if (left > 0) this.#writing.set(lease.address, left);
        else this.#writing.delete(lease.address);
      }
    }
  }

  /** Resolves when nothing is on its way to the store any more. */
  async idle(): Promise<void> {
    this.#retry?.cancel();
    await this.#commits.idle();
  }

  /** What other servers wrote may have been missed. */
  async #readAgain(): Promise<void> {
    const { store, clock, log, adopt } = this.#parts;
    this.#retry?.cancel();
    const meanwhile = new Set(this.#writing.keys());
    this.#writtenMeanwhile = meanwhile;
    try {
      const leases = await store.load();
      adopt(leases.filter(({ address }) => !meanwhile.has(address)));
      log.info({ leases: leases.length }, 'leases loaded again');
    } catch (error) {
      log.error({ err: error }, 'the leases that other servers gave cannot be read; trying again');
      this.#retry = clock.after(RETRY_MS, () => void this.#readAgain());
    } finally {
      if (this.#writtenMeanwhile === meanwhile) this.#writtenMeanwhile = undefined;
    }
  }
}
