import { systemClock } from '../clock.ts';
import { DropLog } from '../log.ts';
import type { Log } from '../log.ts';
import { storeAreas } from './areas.ts';
import type { StoreAreas } from './areas.ts';
import { databaseName } from './engine.ts';
import { Followers } from './followers.ts';
import type { CommitCounts } from './group-commit.ts';
import { Reader } from './reader.ts';
import { StoreError } from './store-error.ts';
import { StoreThread } from './store-thread.ts';
import type { StoreThreadParts } from './store-thread.ts';
import type { StoreNotices, StoreWorkerData } from './worker-calls.ts';

export interface Store extends StoreAreas {
  /** How many writes shared how many transactions since the start. */
  counts(): Promise<CommitCounts>;
  /** Whether the database takes what it is given. */
  health(): StoreHealth;
  /** Writes what is queued, then closes the database. Later calls are refused. */
  close(): Promise<void>;
}

/** `sinceMs` is wall-clock time. */
export type StoreHealth = { readonly kind: 'ok' } | { readonly kind: 'failing'; readonly reason: string; readonly sinceMs: number };

export interface StoreOptions {
  /** The path of an SQLite file, whose folder is made where it is missing, or a postgres:// URL. */
  readonly database: string;
  /** What this server calls itself among those on one database: each needs a name of its own. */
  readonly serverId: string;
  readonly log: Log;
  /** Called once when the writing thread dies by itself: nothing can be made durable any more, so the process has to end. */
  readonly onFailure?: (error: StoreError) => void;
}

/** Opens the database in threads of its own and brings its tables up to this program. Throws StoreError. */
export function openStore(options: StoreOptions): Promise<Store> {
  return openStoreIn(new URL('./worker.ts', import.meta.url), options);
}

/** Likewise with another program in the threads, for tests of what happens when one dies. */
export async function openStoreIn(program: URL, { database, serverId, log, onFailure }: StoreOptions): Promise<Store> {
  const name = databaseName(database);
  const followers = new Followers(log);
  const drops = new DropLog(log, systemClock);
  let health: StoreHealth = { kind: 'ok' };
  const notices: StoreNotices = {
    heard: (area, payloads) => followers.heard(area, payloads),
    missed: () => followers.missed(),
    failing(reason) {
      health = reason === undefined ? { kind: 'ok' } : { kind: 'failing', reason, sinceMs: Date.now() };
      if (reason === undefined) log.info({ database: name }, 'the database is back');
      else log.error({ database: name, reason }, 'the database fails: nothing is promised that cannot be kept');
    },
    namesake: () =>
      log.error(
        { database: name, serverName: serverId },
        'another server on this database has the same serverName: give each one of its own, or both hand out from the same place of a pool',
      ),
    unreadable: (message, reason) => drops.drop('another program notifies on our channel', { database: name, message, problem: reason }),
  };
  const open = (use: StoreWorkerData['use'], onDeath: StoreThreadParts['onDeath']): Promise<StoreThread> =>
    StoreThread.open({ program, data: { use, database, serverId }, name, notices, onDeath });

  const writer = await open('write', (error) => {
    log.error({ database: name, reason: error.message }, 'the store died');
    onFailure?.(error);
  });
  if (writer.applied.length > 0) log.info({ database: name, migrations: writer.applied }, 'database brought up to date');
  const reader = new Reader(() => open('read', (error) => reader.died(error)), log);
  try {
    await reader.start();
  } catch (error) {
    await writer.close();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await reader.close(new StoreError('store-closed', `the store of ${name} is closed`));
    await writer.close();
    drops.close();
  };
  return {
    ...storeAreas({ writer, reader, followers }),
    counts: () => writer.counts(),
    health: () => health,
    close: () => (closing ??= close()),
  };
}
