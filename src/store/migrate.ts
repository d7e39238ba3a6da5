import type { Kysely, Transaction } from 'kysely';
import { up as leasesAndAttempts } from './migrations/0001-leases-and-attempts.ts';
import { up as controlPlane } from './migrations/0002-control-plane.ts';
import { up as manager } from './migrations/0003-manager.ts';
import { StoreError } from './store-error.ts';
import type { Tables } from './tables.ts';

interface Migration {
  readonly name: string;
  readonly up: (database: Kysely<unknown>) => Promise<void>;
}

/** Every step from an empty database to this program's, in order. Only ever appended to. */
export const migrations: readonly Migration[] = [
  { name: '0001-leases-and-attempts', up: leasesAndAttempts },
  { name: '0002-control-plane', up: controlPlane },
  { name: '0003-manager', up: manager },
];

/**
 * Brings the database up to this program: all missing steps in one transaction, so that a kill leaves the old or the new.
 * Throws StoreError `store-newer` where a later program has been at it, before anything is changed.
 * @returns the names of the steps that were applied
 */
export async function migrate(
  database: Kysely<Tables>,
  lock: (transaction: Transaction<Tables>) => Promise<void>,
  nowMs: number,
  steps: readonly Migration[] = migrations,
): Promise<string[]> {
  return database.transaction().execute(async (transaction) => {
    await lock(transaction);
    const applied = await readApplied(transaction, steps);
    return applySteps(transaction, nowMs, steps.slice(applied.length));
  });
}

/** The names of the steps that the database has, none where it is empty. Throws StoreError `store-newer`. */
export async function readApplied(transaction: Transaction<Tables>, steps: readonly Migration[] = migrations): Promise<string[]> {
  await transaction.schema
    .createTable('schema_migration')
    .ifNotExists()
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('applied_ms', 'bigint', (column) => column.notNull())
    .execute();
  const rows = await transaction.selectFrom('schema_migration').select('name').execute();
  const applied = rows.map(({ name }) => name).sort();
  refuseNewer(applied, steps);
  return applied;
}

/** Throws StoreError `store-newer` where these are not this program's first steps. */
export function refuseNewer(applied: readonly string[], steps: readonly Migration[] = migrations, what = 'the database'): void {
  const foreign = applied.filter((name, index) => steps[index]?.name !== name);
  if (foreign.length === 0) return;
  throw new StoreError(
    'store-newer',
    `${what} was made by a newer virtdom: it has ${foreign.join(', ')}, this program knows up to ${steps.at(-1)?.name ?? 'nothing'}. ` +
      'Start that virtdom, or put back a copy of the database from before it',
  );
}

/** Returns their names. */
export async function applySteps(transaction: Transaction<Tables>, nowMs: number, steps: readonly Migration[]): Promise<string[]> {
  for (const { name, up } of steps) {
    // A step knows the tables as they were then, not as `Tables` has them now.
    await up(transaction as unknown as Kysely<unknown>);
    await transaction.insertInto('schema_migration').values({ name, applied_ms: nowMs }).execute();
  }
  return steps.map(({ name }) => name);
}
