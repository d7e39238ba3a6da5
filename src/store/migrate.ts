import type { Kysely, Transaction } from 'kysely';
import { up as leasesAndAttempts } from './migrations/0001-leases-and-attempts.ts';
import { up as controlPlane } from './migrations/0002-control-plane.ts';
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
    await transaction.schema
      .createTable('schema_migration')
      .ifNotExists()
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('applied_ms', 'bigint', (column) => column.notNull())
      .execute();
    const rows = await transaction.selectFrom('schema_migration').select('name').execute();
    const applied = new Set(rows.map(({ name }) => name));
    const foreign = [...applied].filter((name) => !steps.some((step) => step.name === name));
    if (foreign.length > 0) {
      throw new StoreError(
        'store-newer',
        `the database was made by a newer virtdom: it has ${foreign.sort().join(', ')}, this program knows up to ${steps.at(-1)?.name ?? 'nothing'}. ` +
          'Start that virtdom, or put back a copy of the database from before it',
      );
    }
    const missing = steps.filter(({ name }) => !applied.has(name));
    for (const { name, up } of missing) {
      // A step knows the tables as they were then, not as `Tables` has them now.
      await up(transaction as unknown as Kysely<unknown>);
      await transaction.insertInto('schema_migration').values({ name, applied_ms: nowMs }).execute();
    }
    return missing.map(({ name }) => name);
  });
}
