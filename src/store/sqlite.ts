import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect, SqliteDriver, sql } from 'kysely';
import type { DatabaseConnection, Transaction } from 'kysely';
import type { Blame, Engine, EngineUse } from './engine.ts';
import { StoreError } from './store-error.ts';
import type { Tables } from './tables.ts';

/** One connection a thread; one of them writes. */
export function sqliteEngine(file: string, use: EngineUse): Engine {
  const readonly = use === 'read' || use === 'backup';
  if (!readonly) makeFile(file);
  const database = openSqlite(file, { readonly });
  return {
    database,
    parallelReadings: 1,
    writing: () => database,
    lockMigrations,
    snapshot: (body) => database.transaction().execute(body),
    blame,
    remedy: (error) => remedies[(error as { code?: string }).code ?? ''],
    async tables(transaction) {
      return new Set((await transaction.introspection.getTables()).map(({ name }) => name));
    },
    rows: (transaction, table) => transaction.selectFrom(table).selectAll().stream(),
    servers: () => Promise.resolve([]),
    close: () => database.destroy(),
  };
}

/** For nobody else to read, since menus may hold passwords; SQLite gives its other files the mode of this one. */
function makeFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    closeSync(openSync(file, 'a', 0o600));
  } catch (cause) {
    throw new StoreError('store-open', `${(cause as Error).message}. Check that this user may write the file and its folder`, { cause });
  }
}

/**
 * Opens or makes the database file.
 * Throws StoreError `store-open` that says what to do.
 */
export function openSqlite(file: string, { readonly = false } = {}): Kysely<Tables> {
  try {
    return connect(file, readonly);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    const { code, message } = cause as InstanceType<typeof Database.SqliteError>;
    throw new StoreError('store-open', [message, remedies[code]].filter((part) => part !== undefined).join('. '), { cause });
  }
}

const remedies: Readonly<Record<string, string>> = {
  SQLITE_NOTADB: 'Move the file away to begin with an empty database, or put back a copy of it',
  SQLITE_CORRUPT: 'Move the file away to begin with an empty database, or put back a copy of it',
  SQLITE_CANTOPEN: 'Check that this user may write the file and its folder',
  SQLITE_READONLY: 'Check that this user may write the file and its folder',
  SQLITE_BUSY: 'Another program has it open: stop that one first',
};

function connect(file: string, readonly: boolean): Kysely<Tables> {
  const database = new Database(file, { readonly });
  database.pragma('busy_timeout = 5000');
  if (!readonly) {
    const journal = database.pragma('journal_mode = WAL', { simple: true });
    if (journal !== 'wal')
      throw new StoreError('store-open', `SQLite cannot keep a write-ahead log there (${String(journal)}). Put it on a local disk`);
    // better-sqlite3 is compiled with NORMAL for WAL, under which a commit returns before it is on disk.
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    // The log grows while somebody reads for long, as a backup does, and would keep its size.
    database.pragma(`journal_size_limit = ${64 * 1024 * 1024}`);
  }
  return new Kysely<Tables>({ dialect: new Dialect({ database }) });
}

class Dialect extends SqliteDialect {
  readonly #database: Database.Database;

  constructor({ database }: { database: Database.Database }) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): SqliteDriver {
    return new Driver(this.#database);
  }
}

/** A full disk makes SQLite roll back by itself; a second rollback would fail and hide why. */
class Driver extends SqliteDriver {
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    super({ database });
    this.#database = database;
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

/**
 * Kysely begins transactions deferred: the first write takes the lock, and it must be the first statement, or what was read
 * before it may be stale (SQLITE_BUSY_SNAPSHOT). This one changes nothing: nobody uses that number.
 */
export async function lockMigrations(transaction: Transaction<Tables>): Promise<void> {
  await sql`pragma user_version = 0`.execute(transaction);
}

function blame(error: unknown): Blame {
  if (!(error instanceof Database.SqliteError)) return 'statement';
  if (error.code.startsWith('SQLITE_BUSY')) return 'chance';
  return /^SQLITE_(FULL|IOERR|READONLY|CORRUPT|NOTADB|CANTOPEN|NOMEM|PROTOCOL)/.test(error.code) ? 'database' : 'statement';
}
