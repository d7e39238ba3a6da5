import type { Lease } from '../model/lease.ts';

export interface LeaseWrite {
  readonly lease: Lease;
  /** The lease of another client that we believe to hold the address now, and have found to count no more. */
  readonly over?: Lease;
}

/** Where leases outlive the process. One lease an address. */
export interface LeaseStore {
  load(): Promise<readonly Lease[]>;
  /**
   * Writes them in order and resolves after the sync to disk. An address that a lease of another client holds is left alone,
   * unless that is the one of `over`: another server on the same database gave it away. So is one that the same client has
   * by a newer lease (`grantedMs`). Returns the leases that stand at the addresses that were left alone.
   */
  commit(writes: readonly LeaseWrite[]): Promise<readonly Lease[]>;
  /**
   * Calls `written` with leases that another server on the same database has written, and `lost` when some of them may have
   * been missed: load again. Never with SQLite.
   */
  follow(written: (leases: readonly Lease[]) => void, lost: () => void): void;
}
