import type { Kysely } from 'kysely';
import type { ManagerRecord, RecordArea, RecordChange, RecordOutcome } from '../manager/manager-store.ts';
import { bites } from './bites.ts';
import { takeNumbers } from './numbering-table.ts';
import type { ManagerRecordRow, Tables } from './tables.ts';

export async function readManagerRecords(database: Kysely<Tables>): Promise<ManagerRecord[]> {
  const rows = await database.selectFrom('manager_record').selectAll().orderBy('area').orderBy('id').execute();
  return rows.map(({ area, id, revision, document, updated_ms: updatedMs }) => ({
    area,
    id,
    revision,
    document: JSON.parse(document) as ManagerRecord['document'],
    updatedMs,
  }));
}

/** All changes, or a conflict and nothing written. */
export async function commitManagerRecords(
  database: Kysely<Tables>,
  changes: readonly RecordChange[],
  nowMs: number,
): Promise<RecordOutcome> {
  if (new Set(changes.map(keyOf)).size < changes.length) throw new Error('one commit changes the same record twice');
  // One commit at a time, on all servers: what is read from here on stays so until it is written.
  await takeNumbers(database, 'manager', 1);
  const standing = await readRevisions(database, changes);
  const conflicts = changes.flatMap(({ area, id, revision }) => {
    const stands = standing.get(keyOf({ area, id })) ?? 0;
    return stands === revision ? [] : [{ area, id, revision: stands }];
  });
  if (conflicts.length > 0) return { kind: 'conflict', records: conflicts };

  for (const [area, ids] of idsByArea(changes.filter(({ document }) => document === undefined)))
    for (const bite of bites(ids)) await database.deleteFrom('manager_record').where('area', '=', area).where('id', 'in', bite).execute();
  const rows = changes.flatMap(({ area, id, revision, document }): ManagerRecordRow[] => {
    if (document === undefined) return [];
    const state = typeof document['state'] === 'string' ? document['state'] : null;
    return [{ area, id, state, revision: revision + 1, document: JSON.stringify(document), updated_ms: nowMs }];
  });
  for (const bite of bites(rows)) {
    await database
      .insertInto('manager_record')
      .values(bite)
      .onConflict((conflict) =>
        conflict.columns(['area', 'id']).doUpdateSet((row) => ({
          state: row.ref('excluded.state'),
          revision: row.ref('excluded.revision'),
          document: row.ref('excluded.document'),
          updated_ms: row.ref('excluded.updated_ms'),
        })),
      )
      .execute();
  }
  return { kind: 'done' };
}

const openStates = ['queued', 'sent'];

/** Commands that ended and were not touched since; what is open is not old, whatever its age. */
export async function expiredCommands(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<string[]> {
  const rows = await database
    .selectFrom('manager_record')
    .select('id')
    .where('area', '=', 'command')
    .where('updated_ms', '<', beforeMs)
    .where('state', 'not in', openStates)
    .orderBy('updated_ms')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export async function removeCommands(database: Kysely<Tables>, ids: readonly string[]): Promise<number> {
  let removed = 0;
  for (const bite of bites(ids)) {
    const { numDeletedRows } = await database
      .deleteFrom('manager_record')
      .where('area', '=', 'command')
      .where('id', 'in', bite)
      .where('state', 'not in', openStates)
      .executeTakeFirst();
    removed += Number(numDeletedRows);
  }
  return removed;
}

async function readRevisions(database: Kysely<Tables>, changes: readonly RecordChange[]): Promise<Map<string, number>> {
  const standing = new Map<string, number>();
  for (const [area, ids] of idsByArea(changes)) {
    for (const bite of bites(ids)) {
      const rows = await database
        .selectFrom('manager_record')
        .select(['area', 'id', 'revision'])
        .where('area', '=', area)
        .where('id', 'in', bite)
        .execute();
      for (const row of rows) standing.set(keyOf(row), row.revision);
    }
  }
  return standing;
}

function idsByArea(changes: readonly RecordChange[]): [RecordArea, string[]][] {
  return [...Map.groupBy(changes, ({ area }) => area)].map(([area, of]) => [area, of.map(({ id }) => id)]);
}

function keyOf({ area, id }: Pick<ManagerRecord, 'area' | 'id'>): string {
  return `${area}\n${id}`;
}
