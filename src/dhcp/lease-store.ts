import type { Lease } from '../model/lease.ts';

/** Where leases outlive the process. One lease an address. */
export interface LeaseStore {
  load(): Promise<readonly Lease[]>;
  /** Writes all of them, replacing what their addresses had, and resolves after the sync to disk; all or none. */
  commit(leases: readonly Lease[]): Promise<void>;
}
