import type { Kysely } from 'kysely';
import type { StoredAttempt } from '../boot/attempt-store.ts';
import type { AttemptRow, Tables } from './tables.ts';

/** How many attempts of one machine are kept. */
export const keptAttempts = 1000;
/** How many of them a start reads back: as many as are kept in memory, or fewer where there are many machines. */
export const loadedAttempts = 10;
/** Of all machines: a start must not take minutes. */
const loadedInAll = 20_000;

/** The newest attempts of each machine, and the newest that came up: what was opened since may be nothing but packets. Oldest first. */
export async function readAttempts(database: Kysely<Tables>): Promise<StoredAttempt[]> {
  const { machines } = await database
    .selectFrom('boot_attempt')
    .select(({ fn }) => fn.count<number>('machine').distinct().as('machines'))
    .executeTakeFirstOrThrow();
  const ofEach = Math.max(1, Math.min(loadedAttempts, Math.floor(loadedInAll / Math.max(1, machines))));
  const ranked = database
    .selectFrom('boot_attempt')
    .select('id')
    .select(({ fn }) =>
      fn
        .agg<number>('row_number')
        .over((over) => over.partitionBy('machine').orderBy('opened_ms', 'desc').orderBy('id', 'desc'))
        .as('age'),
    )
    .select(({ fn }) =>
      fn
        .agg<number>('row_number')
        .over((over) => over.partitionBy(['machine', 'state']).orderBy('opened_ms', 'desc').orderBy('id', 'desc'))
        .as('age_in_state'),
    )
    .select('state');
  const rows = await database
    .selectFrom('boot_attempt')
    .select('document')
    .where('id', 'in', (wanted) =>
      wanted
        .selectFrom(ranked.as('ranked'))
        .select('id')
        .where((row) => row.or([row('age', '<=', ofEach), row.and([row('state', '=', 'up'), row('age_in_state', '=', 1)])])),
    )
    .orderBy('opened_ms')
    .orderBy('id')
    .execute();
  return rows.map(attemptOf);
}

/**
 * Replaces the attempt of this id; a new one pushes out the oldest of its machine. The one-shot boot that it has used up
 * goes with it: true where it was still there.
 */
export async function writeAttempt(database: Kysely<Tables>, attempt: StoredAttempt): Promise<boolean> {
  const { id, ...columns } = rowOf(attempt);
  const { numUpdatedRows } = await database.updateTable('boot_attempt').set(columns).where('id', '=', id).executeTakeFirst();
  if (numUpdatedRows === 0n) {
    await database
      .insertInto('boot_attempt')
      .values({ id, ...columns })
      .execute();
    await removeOldest(database, columns.machine);
  }
  const { oneShot } = attempt;
  if (oneShot?.used !== true) return false;
  const { numDeletedRows } = await database.deleteFrom('one_shot').where('id', '=', oneShot.id).executeTakeFirst();
  return numDeletedRows > 0n;
}

async function removeOldest(database: Kysely<Tables>, machine: string): Promise<void> {
  await database
    .deleteFrom('boot_attempt')
    .where('machine', '=', machine)
    .where('opened_ms', '<', (query) =>
      query
        .selectFrom('boot_attempt')
        .select('opened_ms')
        .where('machine', '=', machine)
        .orderBy('opened_ms', 'desc')
        .limit(1)
        .offset(keptAttempts - 1),
    )
    .where('id', 'not in', (query) =>
      query
        .selectFrom('boot_attempt')
        .select('id')
        .where('machine', '=', machine)
        .where('state', '=', 'up')
        .orderBy('opened_ms', 'desc')
        .limit(1),
    )
    .execute();
}

function rowOf(attempt: StoredAttempt): AttemptRow {
  return {
    id: attempt.id,
    machine: attempt.machine.name,
    mac: attempt.mac,
    profile: attempt.profile.name,
    image: attempt.image ?? null,
    state: attempt.state,
    opened_ms: attempt.openedMs,
    last_seen_ms: attempt.lastSeenMs,
    document: JSON.stringify(attempt),
  };
}

export function attemptOf({ document }: Pick<AttemptRow, 'document'>): StoredAttempt {
  return JSON.parse(document) as StoredAttempt;
}
