import type { Kysely } from 'kysely';
import type { ObjectChange, ObjectConflict, StoredObject, StoreOutcome } from '../machines/object-store.ts';
import type { OneShot } from '../model/one-shot.ts';
import { bites } from './bites.ts';
import { nicConflicts, replaceNics } from './nic-table.ts';
import { takeNumbers } from './numbering-table.ts';
import { keyOf } from './object-key.ts';
import type { ObjectRow, OneShotRow, Tables } from './tables.ts';

export async function readObjects(database: Kysely<Tables>): Promise<{ objects: StoredObject[]; oneShots: OneShot[] }> {
  const objects = await database.selectFrom('object').selectAll().execute();
  const oneShots = await database.selectFrom('one_shot').selectAll().execute();
  return {
    // Sorted here: databases have their own ideas of the order of letters.
    objects: objects.map(objectOf).sort((a, b) => compare(a.kind, b.kind) || compare(a.name, b.name)),
    oneShots: oneShots.map(oneShotOf).sort((a, b) => compare(a.machine, b.machine)),
  };
}

/** All changes, or a conflict and nothing written. */
export async function commitObjects(
  database: Kysely<Tables>,
  changes: readonly ObjectChange[],
  author: string,
  nowMs: number,
): Promise<StoreOutcome> {
  if (new Set(changes.map(keyOf)).size < changes.length) throw new Error('one commit changes the same object twice');
  // One commit of objects at a time, on all servers: what is read from here on stays so until it is written.
  await takeNumbers(database, 'object', 1);
  const standing = await readStanding(database, changes);
  const conflicts = [...revisionConflicts(changes, standing), ...(await nicConflicts(database, changes, standing))];
  if (conflicts.length > 0) return { kind: 'conflict', conflicts };

  const rows = changes.flatMap(({ kind, name, revision, document }): ObjectRow[] => {
    if (document === undefined) return [];
    const createdMs = standing.get(keyOf({ kind, name }))?.created_ms ?? nowMs;
    const text = JSON.stringify(document);
    return [{ kind, name, revision: revision + 1, document: text, created_ms: createdMs, updated_ms: nowMs, updated_by: author }];
  });
  await deleteObjects(
    database,
    changes.filter(({ document }) => document === undefined),
  );
  for (const bite of bites(rows)) {
    await database
      .insertInto('object')
      .values(bite)
      .onConflict((conflict) =>
        conflict.columns(['kind', 'name']).doUpdateSet((row) => ({
          revision: row.ref('excluded.revision'),
          document: row.ref('excluded.document'),
          updated_ms: row.ref('excluded.updated_ms'),
          updated_by: row.ref('excluded.updated_by'),
        })),
      )
      .execute();
  }
  await replaceNics(database, changes);
  return { kind: 'done', objects: rows.map(objectOf) };
}

/** Throws where there is no such machine: its deletion was quicker, and a later one of that name must not get this boot. */
export async function saveOneShot(database: Kysely<Tables>, oneShot: OneShot): Promise<void> {
  await takeNumbers(database, 'object', 1);
  const { machine, ...columns } = oneShotRow(oneShot);
  await database
    .selectFrom('object')
    .select('name')
    .where('kind', '=', 'Machine')
    .where('name', '=', machine)
    .executeTakeFirstOrThrow(() => new Error(`there is no machine ${machine} any more: look at the list of machines`));
  await database
    .insertInto('one_shot')
    .values({ machine, ...columns })
    .onConflict((conflict) => conflict.column('machine').doUpdateSet(columns))
    .execute();
}

export async function deleteOneShot(database: Kysely<Tables>, id: string): Promise<boolean> {
  const { numDeletedRows } = await database.deleteFrom('one_shot').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

async function readStanding(database: Kysely<Tables>, changes: readonly ObjectChange[]): Promise<Map<string, ObjectRow>> {
  const standing = new Map<string, ObjectRow>();
  for (const [kind, names] of namesByKind(changes)) {
    for (const bite of bites(names)) {
      const rows = await database.selectFrom('object').selectAll().where('kind', '=', kind).where('name', 'in', bite).execute();
      for (const row of rows) standing.set(keyOf(row), row);
    }
  }
  return standing;
}

function revisionConflicts(changes: readonly ObjectChange[], standing: ReadonlyMap<string, ObjectRow>): ObjectConflict[] {
  return changes.flatMap(({ kind, name, revision }) => {
    const row = standing.get(keyOf({ kind, name }));
    if (row === undefined) return revision === 0 ? [] : [{ kind, name, revision: 0 }];
    if (row.revision === revision) return [];
    return [{ kind, name, revision: row.revision, updatedBy: row.updated_by, updatedMs: row.updated_ms }];
  });
}

async function deleteObjects(database: Kysely<Tables>, deleted: readonly ObjectChange[]): Promise<void> {
  for (const [kind, names] of namesByKind(deleted)) {
    for (const bite of bites(names)) {
      await database.deleteFrom('object').where('kind', '=', kind).where('name', 'in', bite).execute();
      if (kind === 'Machine') await database.deleteFrom('one_shot').where('machine', 'in', bite).execute();
    }
  }
}

function namesByKind(changes: readonly ObjectChange[]): [ObjectRow['kind'], string[]][] {
  const names = Map.groupBy(changes, ({ kind }) => kind);
  return [...names].map(([kind, of]) => [kind, of.map(({ name }) => name)]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function objectOf({ kind, name, revision, document, created_ms: createdMs, updated_ms: updatedMs, updated_by: updatedBy }: ObjectRow) {
  return { kind, name, revision, document: JSON.parse(document) as StoredObject['document'], createdMs, updatedMs, updatedBy };
}

function oneShotRow({ requestedMs, requestedBy, ...same }: OneShot): OneShotRow {
  return { ...same, requested_ms: requestedMs, requested_by: requestedBy };
}

function oneShotOf({ requested_ms: requestedMs, requested_by: requestedBy, ...same }: OneShotRow): OneShot {
  return { ...same, requestedMs, requestedBy };
}
