import { SqliteAdapter } from 'kysely';
import type { CreateTableBuilder, Kysely } from 'kysely';

/** What a person makes and asks for, and the history of it; attempts that can be searched. */
export async function up(database: Kysely<unknown>): Promise<void> {
  // SQLite keeps rows in the order of a key only where its type is `integer`; for PostgreSQL that has 32 bits.
  const number = database.getExecutor().adapter instanceof SqliteAdapter ? 'integer' : 'bigint';
  await makeObjects(database);
  await makeTemplates(database);
  await makeHistory(database, number);
  await makeAccounts(database);
  await makeRequests(database);
  await widenAttempts(database);
}

async function makeObjects(database: Kysely<unknown>): Promise<void> {
  await table(database, 'numbering')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('newest', 'bigint', (column) => column.notNull())
    .execute();
  await (database as Kysely<{ numbering: { name: string; newest: number } }>)
    .insertInto('numbering')
    .values(['audit', 'event', 'object'].map((name) => ({ name, newest: 0 })))
    .execute();

  await table(database, 'object')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .addColumn('updated_ms', 'bigint', (column) => column.notNull())
    .addColumn('updated_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('object_key', ['kind', 'name'])
    .execute();

  await table(database, 'nic')
    .addColumn('mac', 'text', (column) => column.primaryKey())
    .addColumn('machine', 'text', (column) => column.notNull())
    // A reserved address is of one NIC, whatever the servers believe; any number of NICs have none.
    .addColumn('address', 'text', (column) => column.unique())
    .execute();
  await database.schema.createIndex('nic_machine').on('nic').column('machine').execute();

  await table(database, 'one_shot')
    .addColumn('machine', 'text', (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('profile', 'text', (column) => column.notNull())
    .addColumn('requested_ms', 'bigint', (column) => column.notNull())
    .addColumn('requested_by', 'text', (column) => column.notNull())
    .execute();

  await table(database, 'unknown_client')
    .addColumn('mac', 'text', (column) => column.primaryKey())
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
}

async function makeTemplates(database: Kysely<unknown>): Promise<void> {
  await table(database, 'template')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
  await table(database, 'template_version')
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('template_version_key', ['name', 'version'])
    .execute();
}

async function makeHistory(database: Kysely<unknown>, number: 'integer' | 'bigint'): Promise<void> {
  await table(database, 'event')
    .addColumn('id', number, (column) => column.primaryKey())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('noun', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('severity', 'integer', (column) => column.notNull())
    .addColumn('machine', 'text')
    .addColumn('attempt', 'text')
    .addColumn('detail', 'text', (column) => column.notNull())
    .execute();
  await table(database, 'audit')
    .addColumn('id', number, (column) => column.primaryKey())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('object', 'text', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
  // A page is read along an index that ends in the order of the page: whatever is asked for, nothing is sorted or passed over.
  await index(database, 'event', ['at_ms', 'id']);
  await index(database, 'event', ['kind', 'severity', 'id']);
  await index(database, 'event', ['noun', 'severity', 'id']);
  await index(database, 'event', ['severity', 'id']);
  // One machine may have many: what else is asked of it is answered out of the index as well.
  await index(database, 'event', ['machine', 'id', 'severity', 'kind', 'noun']);
  await index(database, 'event', ['attempt', 'id']);
  await index(database, 'audit', ['at_ms', 'id']);
  await index(database, 'audit', ['actor', 'id']);
  await index(database, 'audit', ['action', 'id']);
  await index(database, 'audit', ['object', 'id']);
}

async function makeAccounts(database: Kysely<unknown>): Promise<void> {
  await table(database, 'account')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
  await table(database, 'session')
    .addColumn('id_hash', 'text', (column) => column.primaryKey())
    .addColumn('account', 'text', (column) => column.notNull().references('account.name').onDelete('cascade'))
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_ms', 'bigint', (column) => column.notNull())
    .addColumn('expires_ms', 'bigint', (column) => column.notNull())
    .execute();
  await table(database, 'token')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    // Root on the socket owns tokens too, and has no account.
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('expires_ms', 'bigint', (column) => column.notNull())
    .addColumn('last_used_ms', 'bigint')
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
  await index(database, 'session', ['account']);
  await index(database, 'session', ['expires_ms']);
  await index(database, 'token', ['owner']);
  await index(database, 'token', ['expires_ms']);
}

async function makeRequests(database: Kysely<unknown>): Promise<void> {
  await table(database, 'task')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('since_ms', 'bigint', (column) => column.notNull())
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
  await index(database, 'task', ['created_ms', 'id']);
  await index(database, 'task', ['state', 'created_ms', 'id']);
  await index(database, 'task', ['since_ms']);

  await table(database, 'kept_answer')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('request_hash', 'text', (column) => column.notNull())
    .addColumn('answer', 'text')
    .addColumn('created_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('kept_answer_key', ['actor', 'key'])
    .execute();
  await index(database, 'kept_answer', ['created_ms']);
}

interface Attempts {
  readonly boot_attempt: { readonly id: string; readonly state: string; readonly profile: string | null; readonly document: string };
}

const rowsAtOnce = 500;

/** The state `running` is `booting` now; the profile is a column to ask by. */
async function widenAttempts(database: Kysely<Attempts>): Promise<void> {
  await database.schema.alterTable('boot_attempt').addColumn('profile', 'text').execute();
  for (let last = ''; ;) {
    const rows = await database
      .selectFrom('boot_attempt')
      .select(['id', 'document'])
      .where('id', '>', last)
      .orderBy('id')
      .limit(rowsAtOnce)
      .execute();
    for (const { id, document } of rows) {
      const attempt = JSON.parse(document) as { state: string; profile: { name: string } };
      const state = attempt.state === 'running' ? 'booting' : attempt.state;
      await database
        .updateTable('boot_attempt')
        .set({ state, profile: attempt.profile.name, document: JSON.stringify({ ...attempt, state }) })
        .where('id', '=', id)
        .execute();
    }
    const end = rows.at(-1);
    if (end === undefined) break;
    last = end.id;
  }
  await database.schema.dropIndex('boot_attempt_machine').execute();
  for (const first of [['machine'], ['mac'], ['profile', 'state'], ['state']]) {
    await index(database, 'boot_attempt', [...first, 'opened_ms', 'id']);
  }
  await index(database, 'boot_attempt', ['opened_ms', 'id']);
}

function table<Name extends string>(database: Kysely<unknown>, name: Name): CreateTableBuilder<Name> {
  return database.schema.createTable(name);
}

/** `event_kind_severity_id`. */
async function index<Schema>(database: Kysely<Schema>, of: string, columns: readonly string[]): Promise<void> {
  await database.schema
    .createIndex([of, ...columns].join('_'))
    .on(of)
    .columns([...columns])
    .execute();
}
