import { randomUUID } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { Kysely } from 'kysely';
import { systemClock } from '../clock.ts';
import { giveWay, ThreadLink } from '../thread.ts';
import { lookups, notices, prunes, reads, writes } from './calls.ts';
import type { Query } from './calls.ts';
import { isNamesake, unpackNotices } from './change-feed.ts';
import type { Notice } from './change-feed.ts';
import { openEngine } from './open-engine.ts';
import type { Engine, EngineUse } from './engine.ts';
import { Health } from './health.ts';
import { migrate } from './migrate.ts';
import { Slots } from './slots.ts';
import { StoreError, reasonOf } from './store-error.ts';
import type { Tables } from './tables.ts';
import type { StoreCalls, StoreNotices, StoreWorkerData } from './worker-calls.ts';
import { WriteLanes } from './write-lanes.ts';

if (parentPort === null) throw new Error('src/store/worker.ts runs as a worker thread only');
const { use, database, serverId } = workerData as StoreWorkerData;
if (use === 'read') giveWay();
const mostWaitingReadings = 1000;
/** Two servers may have been given the same name. */
const self = `${serverId} ${randomUUID()}`;
let engine: Engine | undefined;
/** As many as there are connections for them: a pool gives those up that wait for long. */
let readings = new Slots(0, 0);
let lanes: WriteLanes | undefined;
const health = new Health({
  clock: systemClock,
  tell: (reason) => link.notify('failing', reason),
  probe: () => writing().probe(),
});

function opened(): Engine {
  if (engine === undefined) throw new Error('the database is not open');
  return engine;
}

function writing(): WriteLanes {
  return (lanes ??= new WriteLanes(opened(), self, (reason) => health.failed('write', reason)));
}

type AnyQuery = (handle: Kysely<Tables>, ...args: readonly unknown[]) => Promise<unknown>;
type Table<Value> = Readonly<Record<string, Readonly<Record<string, Value>> | undefined>>;

function find(table: object, area: string, name: string): AnyQuery {
  const query = (table as Table<Query>)[area]?.[name];
  if (query === undefined) throw new Error(`the store has no ${area}.${name}`);
  return query as AnyQuery;
}

function read(query: AnyQuery, args: readonly unknown[]): Promise<unknown> {
  return readings.run(() => opened().snapshot((transaction) => query(transaction, ...args)));
}

function write(query: AnyQuery, area: string, name: string, args: readonly unknown[]): Promise<unknown> {
  const noticesOf = (notices as Table<(result: unknown) => readonly Notice[]>)[area]?.[name];
  return writing().commit(area, async (transaction, tell) => {
    const result = await query(transaction, ...args);
    for (const notice of noticesOf?.(result) ?? []) tell(notice);
    return result;
  });
}

let toldOfNamesake = false;

function hear(text: string): void {
  try {
    const message = unpackNotices(text, self);
    if (message !== undefined) link.notify('heard', message.area, message.payloads);
    if (!toldOfNamesake && isNamesake(text, self)) {
      toldOfNamesake = true;
      link.notify('namesake');
    }
  } catch (error) {
    link.notify('unreadable', text.slice(0, 200), reasonOf(error));
  }
}

/** Closes it again where `act` fails, and says then what a person can do. */
async function open<Result>(kind: EngineUse, act: (opening: Engine) => Promise<Result>): Promise<Result> {
  const opening = openEngine(database, kind);
  try {
    return await act(opening);
  } catch (error) {
    await opening.close();
    if (error instanceof StoreError) throw error;
    const message = [reasonOf(error), opening.remedy(error)].filter((part) => part !== undefined).join('. ');
    throw new StoreError('store-open', message, { cause: error });
  }
}

async function bringUpToDate(opening: Engine): Promise<string[]> {
  const applied = await migrate(opening.database, opening.lockMigrations, systemClock.now());
  await opening.close();
  return applied;
}

async function listen({ feed }: Engine): Promise<void> {
  await feed?.listen({
    heard: hear,
    restored() {
      health.succeeded('listen');
      link.notify('missed');
    },
    lost: (reason) => health.failed('listen', reason),
  });
}

const calls = {
  async open() {
    try {
      const applied = use === 'write' ? await open('whole', bringUpToDate) : [];
      engine = await open(use, async (opening) => {
        // A connection that is not there yet would be missed only by the first lease.
        await opening.database.selectFrom('schema_migration').select('name').limit(1).execute();
        if (use === 'write') await listen(opening);
        return opening;
      });
      readings = new Slots(engine.parallelReadings, mostWaitingReadings);
      return { ok: true, applied };
    } catch (error) {
      return { ok: false, code: error instanceof StoreError ? error.code : 'store-open', message: reasonOf(error) };
    }
  },
  run(group, area, name, args) {
    switch (group) {
      case 'lookups':
        return read(find(lookups, area, name), args);
      case 'reads':
        return read(find(reads, area, name), args);
      case 'expired':
        return read(find(prunes, area, group), args);
      case 'writes':
        return write(find(writes, area, name), area, name, args);
      case 'remove':
        return write(find(prunes, area, group), area, group, args);
    }
  },
  counts: () => writing().counts,
  async close() {
    health.close();
    await lanes?.idle();
    await engine?.close();
    engine = undefined;
  },
} satisfies StoreCalls;

const link = new ThreadLink<{ [Name in keyof StoreNotices]: StoreNotices[Name] }>(parentPort, calls);
