import type { Kysely } from 'kysely';

export async function up(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('lease')
    // At most one lease holds an address, whatever the server believes.
    .addColumn('address', 'text', (column) => column.primaryKey())
    .addColumn('subnet', 'text', (column) => column.notNull())
    .addColumn('mac', 'text', (column) => column.notNull())
    .addColumn('host_name', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('granted_ms', 'bigint', (column) => column.notNull())
    .addColumn('expires_ms', 'bigint', (column) => column.notNull())
    .execute();
  await database.schema.createIndex('lease_mac').on('lease').column('mac').execute();

  await database.schema
    .createTable('boot_attempt')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('machine', 'text', (column) => column.notNull())
    .addColumn('mac', 'text', (column) => column.notNull())
    .addColumn('image', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('opened_ms', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_ms', 'bigint', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
  await database.schema.createIndex('boot_attempt_machine').on('boot_attempt').columns(['machine', 'opened_ms']).execute();
}
