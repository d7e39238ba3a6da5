import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { AuditEntry, AuditPage, AuditStore } from './audit-store.ts';
import { Pruning } from './pruning.ts';

export interface AuditLogParts {
  readonly store: AuditStore;
  readonly keepDays: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who did what to which object. */
export class AuditLog {
  readonly #parts: AuditLogParts;
  readonly #pruning: Pruning;

  constructor(parts: AuditLogParts) {
    this.#parts = parts;
    const { store, keepDays, clock, log } = parts;
    this.#pruning = new Pruning({ prune: (beforeMs) => store.prune(beforeMs), keepDays, of: 'audit entries', clock, log });
  }

  /** Durable when it resolves: wait for it before you answer. The time is ours. */
  record(entry: Omit<AuditEntry, 'atMs'>): Promise<void> {
    return this.recordAll([entry]);
  }

  /** Likewise for what one request did to many objects: in one transaction. */
  recordAll(entries: readonly Omit<AuditEntry, 'atMs'>[]): Promise<void> {
    const atMs = this.#parts.clock.now();
    return this.#parts.store.append(entries.map((entry) => Object.assign({}, entry, { atMs })));
  }

  /** Newest first. */
  page(page: AuditPage): Promise<readonly (AuditEntry & { readonly id: number })[]> {
    return this.#parts.store.page(page);
  }

  close(): Promise<void> {
    return this.#pruning.close();
  }
}
