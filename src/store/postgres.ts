import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Transaction } from 'kysely';
import pg from 'pg';
import type { Blame, Engine, EngineUse, Value } from './engine.ts';
import { PostgresFeed } from './postgres-feed.ts';
import { postgresPool } from './postgres-pool.ts';
import { StoreError } from './store-error.ts';
import type { Tables } from './tables.ts';
import { zeroFreeText } from './zero-free-text.ts';

/** Any number that no other program uses for an advisory lock here: `vird` in ASCII. */
const migrationLock = 0x76_69_72_64;

/** Leases wait for nobody; what takes numbers makes other servers wait until its transaction ends, so nothing else is in that. */
const lanes: Readonly<Record<string, string>> = { leases: 'leases', events: 'events', audit: 'audit' };

const parallelReadings = 3;

/** What connections of a running server are called in pg_stat_activity. */
const serverName = 'virtdom';

/** Milliseconds. A server that vanished without a word must not hold a DHCP answer for as long as TCP would. */
const connectTimeoutMs = 3000;
const goodbyeMs = 2000;
const timeouts: Readonly<Record<EngineUse, { readonly statement: number; readonly answer: number }>> = {
  write: { statement: 5000, answer: 6000 },
  read: { statement: 60_000, answer: 65_000 },
  backup: { statement: 0, answer: 0 },
  whole: { statement: 0, answer: 0 },
};

export function postgresEngine(url: string, use: EngineUse): Engine {
  const config = connectionConfig(url, use);
  const open = (connections: number): Kysely<Tables> => {
    const pool = postgresPool(config, { connections, answerMs: timeouts[use].answer });
    return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }), plugins: [zeroFreeText] });
  };
  const database = open(parallelReadings);
  const writers = new Map<string, Kysely<Tables>>();
  const feed = new PostgresFeed({ ...connectionConfig(url, 'write'), query_timeout: timeouts.write.answer });
  return {
    database,
    parallelReadings,
    writing(area) {
      const lane = lanes[area] ?? 'others';
      const writer = writers.get(lane) ?? open(1);
      writers.set(lane, writer);
      return writer;
    },
    async lockMigrations(transaction: Transaction<Tables>) {
      await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(transaction);
    },
    snapshot: (body) => database.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(body),
    blame,
    remedy,
    async tables(transaction) {
      const { rows } = await sql<{ name: string }>`select tablename as name from pg_tables where schemaname = current_schema()`.execute(
        transaction,
      );
      return new Set(rows.map(({ name }) => name));
    },
    rows: readByCursor,
    async servers(transaction) {
      const { rows } = await sql<{ where: string }>`
        select distinct coalesce(host(client_addr), 'this machine') as where from pg_stat_activity
        where datname = current_database() and application_name = ${serverName}`.execute(transaction);
      return rows.map(({ where }) => `a virtdom on ${where}`);
    },
    feed,
    async close() {
      const closed = Promise.all([feed.close(), ...[database, ...writers.values()].map((each) => each.destroy())]);
      // A server that does not answer does not say good-bye either.
      await Promise.race([closed, sleep(goodbyeMs, undefined, { ref: false })]);
    },
  };
}

const rowsAtOnce = 1000;

/** What pg-cursor does, in SQL. The cursor ends with its transaction. */
async function* readByCursor(transaction: Transaction<Tables>, table: keyof Tables): AsyncGenerator<Readonly<Record<string, Value>>> {
  await sql`declare every_row no scroll cursor for select * from ${sql.table(table)}`.execute(transaction);
  for (;;) {
    const { rows } = await sql<Record<string, Value>>`fetch ${sql.lit(rowsAtOnce)} from every_row`.execute(transaction);
    if (rows.length === 0) break;
    yield* rows;
  }
  await sql`close every_row`.execute(transaction);
}

function connectionConfig(url: string, use: EngineUse): pg.PoolConfig {
  const { statement } = timeouts[use];
  // Whatever the server's or the user's default is: durable before COMMIT answers, and no hanging on to locks.
  const settings = {
    synchronous_commit: 'on',
    default_transaction_isolation: 'read\\ committed',
    default_transaction_read_only: use === 'read' || use === 'backup' ? 'on' : 'off',
    statement_timeout: String(statement),
    lock_timeout: String(statement),
    idle_in_transaction_session_timeout: String(statement * 2),
    client_min_messages: 'warning',
    timezone: 'UTC',
  };
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) throw new StoreError('store-open', 'that is no URL. Write it as postgres://USER@HOST/DATABASE');
  // pg would take the URL's options in place of these.
  const theirs = parsed.searchParams.get('options') ?? '';
  for (const name of ['options', 'application_name']) parsed.searchParams.delete(name);
  const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  return {
    connectionString: parsed.href,
    application_name: use === 'write' || use === 'read' ? serverName : 'virtdom-tool',
    options: [theirs, ...ours].join(' '),
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser },
  };
}

/** Our bigints are milliseconds and counts: exact as numbers for 285,000 years. Of these connections only. */
const getTypeParser: pg.CustomTypesConfig['getTypeParser'] = (oid, format) =>
  oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format);

/** SQLSTATE classes: 08 connection, 57P shut down, 53 resources, 58 system, 25006 a standby; 57014 and 55P03 are our time-outs. */
const databaseStates = /^(08|57P|53|58|XX|F0|28|3D)|^(57014|55P03|25006|25P03)$/;
const chanceStates = /^(40001|40P01)$/;
/** What pg says of a connection that is gone, without a code. */
const connectionMessages = /terminat|timeout|not queryable|Connection ended|^no answer for/i;

function blame(error: unknown): Blame {
  if (error instanceof pg.DatabaseError) {
    const { code = '' } = error;
    if (chanceStates.test(code)) return 'chance';
    return databaseStates.test(code) ? 'database' : 'statement';
  }
  const { syscall, message } = error as NodeJS.ErrnoException;
  return syscall !== undefined || error instanceof AggregateError || connectionMessages.test(message) ? 'database' : 'statement';
}

function remedy(error: unknown): string {
  const { code = '' } = error as { code?: string };
  if (code === '3D000') return 'Make the database: createdb -O USER DATABASE';
  if (code.startsWith('28')) return 'Check user and password in the URL, and pg_hba.conf on the server';
  if (code === '42501') return 'The user needs the right to make tables in the schema public: it should own the database';
  return 'Check the URL, and that PostgreSQL runs and can be reached from here';
}
