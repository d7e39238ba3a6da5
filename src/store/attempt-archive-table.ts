import { sql } from 'kysely';
import type { Kysely, RawBuilder, SqlBool } from 'kysely';
import type { AttemptPage, AttemptState, StoredAttempt } from '../boot/attempt-store.ts';
import { attemptOf } from './attempt-table.ts';
import { bites } from './bites.ts';
import type { Tables } from './tables.ts';

const ended: Readonly<Record<AttemptState, boolean>> = {
  booting: false,
  stuck: false,
  waiting: false,
  up: true,
  local: true,
  'handed-over': true,
  failed: true,
};
const allStates = Object.keys(ended) as AttemptState[];
const endStates = allStates.filter((state) => ended[state]);

export async function findAttempt(database: Kysely<Tables>, id: string): Promise<StoredAttempt | undefined> {
  const row = await database.selectFrom('boot_attempt').select('document').where('id', '=', id).executeTakeFirst();
  return row && attemptOf(row);
}

/** Newest first, read along indexes in the order of the page. */
export async function pageAttempts(database: Kysely<Tables>, page: AttemptPage): Promise<StoredAttempt[]> {
  const { limit } = page;
  const idsAlong = (own: readonly Condition[]) => {
    let walk = database.selectFrom('boot_attempt').select(['id', 'opened_ms']);
    for (const condition of [...own, ...timeConditions(page)]) walk = walk.where(condition);
    const first = walk.orderBy('opened_ms', 'desc').orderBy('id', 'desc').limit(limit);
    return database.selectFrom(first.as('walk')).select(['id', 'opened_ms']);
  };
  const [first, ...others] = walksOf(page);
  if (first === undefined) return [];
  let found = idsAlong(first);
  for (const other of others) found = found.unionAll(idsAlong(other));
  const newest = database.selectFrom(found.as('found')).select('id').orderBy('opened_ms', 'desc').orderBy('id', 'desc').limit(limit);
  const rows = await database
    .selectFrom('boot_attempt')
    .select('document')
    .where('id', 'in', newest)
    .orderBy('opened_ms', 'desc')
    .orderBy('id', 'desc')
    .execute();
  return rows.map(attemptOf);
}

type Condition = RawBuilder<SqlBool>;

/** The conditions of each walk along an index; no attempt is on two of them. None where no state is wanted. */
function walksOf({ machine, mac, profile, states }: AttemptPage): Condition[][] {
  const wanted = allStates.filter((state) => states === undefined || states.includes(state));
  if (wanted.length === 0) return [];
  // Of one machine few are kept: the index of another column would lead through those of all machines.
  const beside = [
    ...(profile === undefined ? [] : [sql<SqlBool>`profile || '' = ${profile}`]),
    ...(states === undefined ? [] : [sql<SqlBool>`state || '' in (${sql.join(wanted)})`]),
  ];
  if (machine !== undefined)
    return [[sql`machine = ${machine}`, ...(mac === undefined ? [] : [sql<SqlBool>`mac || '' = ${mac}`]), ...beside]];
  if (mac !== undefined) return [[sql`mac = ${mac}`, ...beside]];
  if (profile !== undefined) return wanted.map((state) => [sql`profile = ${profile}`, sql<SqlBool>`state = ${state}`]);
  return states === undefined ? [[]] : wanted.map((state) => [sql`state = ${state}`]);
}

/** Those that ended and were opened before, but for the newest of each machine, and the newest that came up: it may be running. */
export async function expiredAttempts(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<string[]> {
  const rows = await database
    .selectFrom('boot_attempt as old')
    .select('old.id')
    .where('old.opened_ms', '<', beforeMs)
    // Oldest first: the index of states would lead through all that ended.
    .where(sql<SqlBool>`old.state || '' in (${sql.join(endStates)})`)
    .where((row) =>
      row.exists(
        row
          .selectFrom('boot_attempt as newer')
          .select('newer.id')
          .whereRef('newer.machine', '=', 'old.machine')
          .where(sql<SqlBool>`(newer.opened_ms, newer.id) > (old.opened_ms, old.id)`)
          .where(sql<SqlBool>`(old.state || '' <> 'up' or newer.state || '' = 'up')`),
      ),
    )
    .orderBy('old.opened_ms')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export async function removeAttempts(database: Kysely<Tables>, ids: readonly string[]): Promise<number> {
  let removed = 0;
  for (const bite of bites(ids)) {
    const { numDeletedRows } = await database
      .deleteFrom('boot_attempt')
      .where('id', 'in', bite)
      .where('state', 'in', endStates)
      .executeTakeFirst();
    removed += Number(numDeletedRows);
  }
  return removed;
}

function timeConditions({ sinceMs, untilMs, before }: AttemptPage): Condition[] {
  return [
    ...(sinceMs === undefined ? [] : [sql<SqlBool>`opened_ms >= ${sinceMs}`]),
    ...(untilMs === undefined ? [] : [sql<SqlBool>`opened_ms <= ${untilMs}`]),
    ...(before === undefined ? [] : [sql<SqlBool>`(opened_ms, id) < (${before.openedMs}, ${before.id})`]),
  ];
}
