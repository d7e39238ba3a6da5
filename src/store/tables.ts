import type { AttemptState } from '../boot/attempt-store.ts';
import type { Lease } from '../model/lease.ts';

/** One row an address: the lease that holds it, or the last one that did. */
export interface LeaseRow {
  readonly address: string;
  readonly subnet: string;
  readonly mac: string;
  readonly host_name: string | null;
  readonly state: Lease['state'];
  readonly granted_ms: number;
  readonly expires_ms: number;
}

/** What is asked for stands in columns, the whole attempt in `document`. */
export interface AttemptRow {
  readonly id: string;
  readonly machine: string;
  readonly mac: string;
  readonly image: string | null;
  readonly state: AttemptState;
  readonly opened_ms: number;
  readonly last_seen_ms: number;
  /** JSON. */
  readonly document: string;
}

interface MigrationRow {
  readonly name: string;
  readonly applied_ms: number;
}

export interface Tables {
  readonly lease: LeaseRow;
  readonly boot_attempt: AttemptRow;
  readonly schema_migration: MigrationRow;
}
