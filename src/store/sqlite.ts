import Database from 'better-sqlite3';
import { Kysely, SqliteDialect, sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { Tables } from './tables.ts';

/** Opens or makes the database file. Only one connection is ever open: the worker's. */
export function openSqlite(file: string): Kysely<Tables> {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
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
