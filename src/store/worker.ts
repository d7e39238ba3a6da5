import { parentPort, workerData } from 'node:worker_threads';
import type { Kysely, Transaction } from 'kysely';
import type { StoredAttempt } from '../boot/attempt-store.ts';
import { systemClock } from '../clock.ts';
import type { Lease } from '../model/lease.ts';
import { ThreadLink } from '../thread.ts';
import { readAttempts, writeAttempt } from './attempt-table.ts';
import { GroupCommit } from './group-commit.ts';
import type { CommitCounts } from './group-commit.ts';
import { readLeases, writeLeases } from './lease-table.ts';
import { migrate } from './migrate.ts';
import { lockMigrations, openSqlite } from './sqlite.ts';
import { StoreError } from './store-error.ts';
import type { StoreErrorCode } from './store-error.ts';
import type { Tables } from './tables.ts';

export interface StoreWorkerData {
  readonly file: string;
}

/** Errors lose their class and code on the way between threads. */
export type Opened =
  | { readonly ok: true; readonly applied: readonly string[] }
  | { readonly ok: false; readonly code: StoreErrorCode; readonly message: string };

/** What the worker offers to the control thread. `open` comes first, `close` last. */
export interface StoreCalls {
  open(): Promise<Opened>;
  readLeases(): Promise<Lease[]>;
  writeLeases(leases: readonly Lease[]): Promise<void>;
  readAttempts(): Promise<StoredAttempt[]>;
  writeAttempt(attempt: StoredAttempt): Promise<void>;
  counts(): CommitCounts;
  close(): Promise<void>;
}

let database: Kysely<Tables> | undefined;
const commits = new GroupCommit<Transaction<Tables>>((body) => opened().transaction().execute(body));

function opened(): Kysely<Tables> {
  if (database === undefined) throw new Error('the database is not open');
  return database;
}

const calls = {
  async open() {
    try {
      database = openSqlite((workerData as StoreWorkerData).file);
      return { ok: true, applied: await migrate(database, lockMigrations, systemClock.now()) };
    } catch (error) {
      const { message } = error as Error;
      return { ok: false, code: error instanceof StoreError ? error.code : 'store-open', message };
    }
  },
  readLeases: () => readLeases(opened()),
  writeLeases: (leases) => commits.commit((transaction) => writeLeases(transaction, leases)),
  readAttempts: () => readAttempts(opened()),
  writeAttempt: (attempt) => commits.commit((transaction) => writeAttempt(transaction, attempt)),
  counts: () => commits.counts,
  async close() {
    await commits.idle();
    await database?.destroy();
    database = undefined;
  },
} satisfies StoreCalls;

if (parentPort === null) throw new Error('src/store/worker.ts runs as a worker thread only');
const link = new ThreadLink(parentPort, calls);
void link;
