import type { CommitCounts } from './group-commit.ts';
import type { StoreErrorCode } from './store-error.ts';

export interface StoreWorkerData {
  /** The writer also migrates, and listens to other servers. */
  readonly use: 'write' | 'read';
  readonly database: string;
  readonly serverId: string;
}

/** Errors lose their class and code on the way between threads. */
export type Opened =
  | { readonly ok: true; readonly applied: readonly string[] }
  | { readonly ok: false; readonly code: StoreErrorCode; readonly message: string };

export type CallGroup = 'lookups' | 'reads' | 'writes' | 'expired' | 'remove';

/** What the worker offers to the control thread. `open` comes first, `close` last. */
export interface StoreCalls {
  open(): Promise<Opened>;
  /** A function of `calls.ts`. */
  run(group: CallGroup, area: string, name: string, args: readonly unknown[]): Promise<unknown>;
  counts(): CommitCounts;
  close(): Promise<void>;
}

/** What the worker tells the control thread. */
export interface StoreNotices {
  /** Another server has changed this; without payloads, load all of it again. */
  heard(area: string, payloads?: readonly unknown[]): void;
  /** Of everything that is followed, something may have been missed. */
  missed(): void;
  /** The database cannot be written to, for this reason; without one, it can again. */
  failing(reason?: string): void;
  unreadable(message: string, reason: string): void;
  /** Another server on this database calls itself as we do. */
  namesake(): void;
}
