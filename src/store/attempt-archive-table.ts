import { sql } from 'kysely';
import type { Kysely, SqlBool } from 'kysely';
import type { AttemptPage, AttemptState, StoredAttempt } from '../boot/attempt-store.ts';
import { attemptOf } from './attempt-table.ts';
import { bites } from './bites.ts';
import type { Tables } from './tables.ts';

const goingOn: readonly AttemptState[] = ['booting', 'stuck'];

export async function findAttempt(database: Kysely<Tables>, id: string): Promise<StoredAttempt | undefined> {
  const row = await database.selectFrom('boot_attempt').select('document').where('id', '=', id).executeTakeFirst();
  return row && attemptOf(row);
}

/** Newest first, read along an index of the machine, the MAC, the profile, each state or the time. */
export async function pageAttempts(database: Kysely<Tables>, page: AttemptPage): Promise<StoredAttempt[]> {
  const { machine, mac, profile, states, limit } = page;
  const walk = (state?: AttemptState) => {
    let query = database.selectFrom('boot_attempt').select(['id', 'opened_ms']);
    if (machine !== undefined) query = query.where('machine', '=', machine);
    if (mac !== undefined) query = query.where('mac', '=', mac);
    if (profile !== undefined) query = query.where('profile', '=', profile);
    if (state !== undefined) query = query.where('state', '=', state);
    for (const condition of timeConditions(page)) query = query.where(condition);
    const first = query.orderBy('opened_ms', 'desc').orderBy('id', 'desc').limit(limit);
    return database.selectFrom(first.as('walk')).select(['id', 'opened_ms']);
  };
  // The same state twice would count its attempts twice.
  const [first, ...others] = [...new Set(states)];
  if (states !== undefined && first === undefined) return [];
  let found = walk(first);
  for (const state of others) found = found.unionAll(walk(state));
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

/** Those that ended and were opened before, but for the newest of each machine. */
export async function expiredAttempts(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<string[]> {
  const rows = await database
    .selectFrom('boot_attempt as old')
    .select('old.id')
    .where('old.opened_ms', '<', beforeMs)
    .where('old.state', 'not in', goingOn)
    .where((row) =>
      row.exists(
        row
          .selectFrom('boot_attempt as newer')
          .select('newer.id')
          .whereRef('newer.machine', '=', 'old.machine')
          .where(sql<SqlBool>`(newer.opened_ms, newer.id) > (old.opened_ms, old.id)`),
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
      .where('state', 'not in', goingOn)
      .executeTakeFirst();
    removed += Number(numDeletedRows);
  }
  return removed;
}

function timeConditions({ sinceMs, untilMs, before }: AttemptPage) {
  return [
    ...(sinceMs === undefined ? [] : [sql<SqlBool>`opened_ms >= ${sinceMs}`]),
    ...(untilMs === undefined ? [] : [sql<SqlBool>`opened_ms <= ${untilMs}`]),
    ...(before === undefined ? [] : [sql<SqlBool>`(opened_ms, id) < (${before.openedMs}, ${before.id})`]),
  ];
}
