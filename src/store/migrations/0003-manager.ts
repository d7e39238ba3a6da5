import { SqliteAdapter } from 'kysely';
import type { Kysely } from 'kysely';

/** What the VM manager keeps, and the boots that machines have proved. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const number = database.getExecutor().adapter instanceof SqliteAdapter ? 'integer' : 'bigint';
  await (database as Kysely<{ numbering: { name: string; newest: number } }>)
    .insertInto('numbering')
    .values(['manager', 'host-boot'].map((name) => ({ name, newest: 0 })))
    .execute();

  await database.schema
    .createTable('manager_record')
    .addColumn('area', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    // Of records that have one: to ask by.
    .addColumn('state', 'text')
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addColumn('updated_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('manager_record_key', ['area', 'id'])
    .execute();
  await database.schema
    .createIndex('manager_record_area_updated_ms')
    .on('manager_record')
    .columns(['area', 'updated_ms', 'state'])
    .execute();

  await database.schema
    .createTable('host_boot')
    .addColumn('boot', number, (column) => column.primaryKey())
    .addColumn('machine', 'text', (column) => column.notNull())
    .addColumn('attempt', 'text', (column) => column.notNull().unique())
    .addColumn('address', 'text')
    .addColumn('mac', 'text')
    .addColumn('redeemed_ms', 'bigint', (column) => column.notNull())
    .execute();
  await database.schema.createIndex('host_boot_machine_boot').on('host_boot').columns(['machine', 'boot']).execute();
}
