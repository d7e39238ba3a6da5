import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AttemptStore } from '../boot/attempt-store.ts';
import type { LeaseStore } from '../dhcp/lease-store.ts';
import type { Log } from '../log.ts';
import { ThreadLink } from '../thread.ts';
import type { CommitCounts } from './group-commit.ts';
import { StoreError } from './store-error.ts';
import type { StoreErrorCode } from './store-error.ts';
import type { StoreCalls, StoreWorkerData } from './worker.ts';

export interface Store {
  readonly leases: LeaseStore;
  readonly attempts: AttemptStore;
  /** How many writes shared how many transactions since the start. */
  counts(): Promise<CommitCounts>;
  /** Writes what is queued, then closes the database. Later calls are refused. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** The SQLite file; its folder is made where it is missing. */
  readonly file: string;
  readonly log: Log;
  /** Called once when the worker dies by itself: nothing can be made durable any more, so the process has to end. */
  readonly onFailure?: (error: StoreError) => void;
}

/** Opens the database in a thread of its own and brings its tables up to this program. Throws StoreError. */
export function openStore(options: StoreOptions): Promise<Store> {
  return openStoreIn(new URL('./worker.ts', import.meta.url), options);
}

/** Likewise with another program in the thread, for tests of what happens when it dies. */
export async function openStoreIn(program: URL, { file, log, onFailure }: StoreOptions): Promise<Store> {
  makeFile(file);
  const worker = new Worker(program, { workerData: { file } satisfies StoreWorkerData, name: 'store' });
  const link = new ThreadLink<Calls>(worker, {});
  let state: 'opening' | 'open' | 'closing' = 'opening';
  const exited = new Promise<void>((resolve) => {
    let cause: unknown;
    worker.on('error', (error) => void (cause = error));
    worker.on('exit', (code) => {
      resolve();
      if (state === 'closing') return;
      const reason = cause instanceof Error ? cause.message : `exit code ${code}`;
      const error = new StoreError('store-crashed', `the thread that writes ${file} died: ${reason}. Restart virtdom`, { cause });
      log.error({ file, reason }, 'the store died');
      link.close(error);
      if (state === 'open') onFailure?.(error);
    });
  });
  const stop = async (reason: StoreError): Promise<void> => {
    state = 'closing';
    link.close(reason);
    await worker.terminate();
    await exited;
  };

  const opened = await link.call('open');
  if (!opened.ok) {
    const error = new StoreError(opened.code, `cannot open the database ${file}: ${opened.message}`);
    await stop(error);
    throw error;
  }
  state = 'open';
  if (opened.applied.length > 0) log.info({ file, migrations: opened.applied }, 'database brought up to date');

  const guarded = guard(file);
  return {
    leases: {
      load: () => guarded('store-read', link.call('readLeases')),
      commit: (leases) => guarded('store-write', link.call('writeLeases', leases)),
    },
    attempts: {
      load: () => guarded('store-read', link.call('readAttempts')),
      save: (attempt) => guarded('store-write', link.call('writeAttempt', attempt)),
    },
    counts: () => link.call('counts'),
    async close() {
      if (state === 'closing') return exited;
      state = 'closing';
      try {
        await guarded('store-write', link.call('close'));
      } finally {
        await stop(new StoreError('store-closed', `the store of ${file} is closed`));
      }
    },
  };
}

/** The calls as ThreadLink wants them: a mapped type has an index signature, an interface has none. */
type Calls = { [Name in keyof StoreCalls]: StoreCalls[Name] };

/** Errors lose their class between threads: gives them the store's again, with the file they are about. */
function guard(file: string) {
  return async <T>(code: StoreErrorCode, call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      throw new StoreError(code, `${code === 'store-read' ? 'reading' : 'writing'} ${file} failed: ${(cause as Error).message}`, { cause });
    }
  };
}

/** For nobody else to read, since menus may hold passwords; SQLite gives its other files the mode of this one. */
function makeFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    closeSync(openSync(file, 'a', 0o600));
  } catch (cause) {
    throw new StoreError('store-open', `cannot make the database ${file}: ${(cause as Error).message}`, { cause });
  }
}
