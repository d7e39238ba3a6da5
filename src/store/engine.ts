import type { Kysely, Transaction } from 'kysely';
import type { Tables } from './tables.ts';

/** What any column holds. */
export type Value = string | number | null;

/** What the databases do differently. The rest is the same SQL. */
export interface Engine {
  /** For queries beside the writes. */
  readonly database: Kysely<Tables>;
  /** How many snapshots it has connections for. */
  readonly parallelReadings: number;
  /** Where writes of an area go: those that get the same one share transactions. */
  readonly writing: (area: string) => Kysely<Tables>;
  /** Keeps other programs out of the migrations until the transaction ends. It has to be its first statement. */
  readonly lockMigrations: (transaction: Transaction<Tables>) => Promise<void>;
  /** Runs queries that all see the same state of the database. */
  snapshot<Result>(body: (transaction: Transaction<Tables>) => Promise<Result>): Promise<Result>;
  readonly blame: (error: unknown) => Blame;
  /** What a person can do about a database that cannot be opened. */
  remedy(error: unknown): string | undefined;
  /** The names of the tables that are there. */
  tables(transaction: Transaction<Tables>): Promise<ReadonlySet<string>>;
  /** All rows of a table, without having all of them in memory. */
  rows(transaction: Transaction<Tables>, table: keyof Tables): AsyncIterable<Readonly<Record<string, Value>>>;
  /** What other servers are connected, for people. With SQLite the instance lock keeps them out. */
  servers(transaction: Transaction<Tables>): Promise<readonly string[]>;
  /** Only where several servers can have the same database. */
  readonly feed?: ChangeFeed;
  close(): Promise<void>;
}

/**
 * Who is to blame for a transaction that failed: the statement, so that others of its group are good without it; the database,
 * which is gone or full; or chance, such as a deadlock: the same again may go well.
 */
export type Blame = 'statement' | 'database' | 'chance';

export interface ChangeFeed {
  /** Messages of at most `messageBytes` that the others get when the transaction commits. */
  tell(transaction: Transaction<Tables>, messages: readonly string[]): Promise<void>;
  readonly messageBytes: number;
  /** Resolves when it hears. It comes back by itself when the connection was lost; what was told meanwhile is missing. */
  listen(listener: FeedListener): Promise<void>;
}

export interface FeedListener {
  heard(message: string): void;
  /** Messages may have been missed: load everything again. */
  restored(): void;
  lost(reason: string): void;
}

/** `write` has a connection for each lane of writes; `read` and `backup` can do nothing else; `backup` and `whole` have no time limits. */
export type EngineUse = 'write' | 'read' | 'backup' | 'whole';

export function isPostgres(database: string): boolean {
  return /^postgres(ql)?:\/\//.test(database);
}

/** As logs and errors may show it: without passwords. */
export function databaseName(database: string): string {
  if (!isPostgres(database)) return database;
  try {
    const url = new URL(database);
    if (url.password !== '') url.password = '***';
    for (const name of url.searchParams.keys()) if (/password|key/i.test(name)) url.searchParams.set(name, '***');
    return url.href;
  } catch {
    return 'postgres://…';
  }
}
