import Database from 'better-sqlite3';
import { Kysely, SqliteDialect, sql } from 'kysely';
import type { Transaction } from 'kysely';
import { StoreError } from './store-error.ts';
import type { Tables } from './tables.ts';

/**
 * Opens or makes the database file. Only one connection is ever open: the worker's.
 * Throws StoreError `store-open` that says what to do.
 */
export function openSqlite(file: string): Kysely<Tables> {
  try {
    return connect(file);
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

function connect(file: string): Kysely<Tables> {
  const database = new Database(file);
  const journal = database.pragma('journal_mode = WAL', { simple: true });
  if (journal !== 'wal')
    throw new StoreError('store-open', `SQLite cannot keep a write-ahead log there (${String(journal)}). Put it on a local disk`);
  // better-sqlite3 is compiled with NORMAL for WAL, under which a commit returns before it is on disk.
  database.pragma('synchronous = FULL');
  database.pragma('busy_timeout = 5000');
  database.pragma('foreign_keys = ON');
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
}

/**
 * Keeps other programs out of the migrations until the transaction ends. Kysely begins transactions deferred: the first
 * write takes the lock, and it must be the first statement, or what was read before it may be stale (SQLITE_BUSY_SNAPSHOT).
 */
export async function lockMigrations(transaction: Transaction<Tables>): Promise<void> {
  await sql`update schema_migration set applied_ms = applied_ms where false`.execute(transaction);
}
