import type { Transaction } from 'kysely';
import { backupFormat, backupVersion, readBackupFile, writeBackupFile } from './backup-file.ts';
import type { BackupHeader, BackupLine } from './backup-file.ts';
import { backupTables, seededTables } from './backup-tables.ts';
import type { BackupTable } from './backup-tables.ts';
import { databaseName } from './engine.ts';
import type { Engine, EngineUse } from './engine.ts';
import { openEngine } from './open-engine.ts';
import { applySteps, migrations, readApplied, refuseNewer } from './migrate.ts';
import { StoreError, reasonOf } from './store-error.ts';
import type { Tables } from './tables.ts';

/** How many rows of all tables are done, and of which table the last one was. */
export interface BackupProgress {
  readonly table: string;
  readonly rows: number;
}

export interface BackupOptions {
  /** The path of an SQLite file or a postgres:// URL. */
  readonly database: string;
  readonly file: string;
  readonly onProgress?: (progress: BackupProgress) => void;
}

export interface RestoreOptions extends BackupOptions {
  /** Also where the database holds something: that is deleted in the same transaction. */
  readonly replace?: boolean;
}

const progressRows = 1000;
/** Of at most 15 columns: SQLite allows 32766 variables a statement, PostgreSQL 65535. */
const rowsAStatement = 500;

/**
 * Writes all of the database, as it is at one moment, into one file that can be restored into either kind of database. A
 * service may run meanwhile. Throws StoreError.
 */
export async function backupDatabase({ database, file, onProgress }: BackupOptions): Promise<{ readonly rows: number }> {
  return withEngine(database, 'backup', (engine) =>
    engine.snapshot(async (transaction) => {
      const count = counter(onProgress);
      await writeBackupFile(file, linesOf(engine, transaction, count));
      return { rows: count.done() };
    }),
  );
}

async function* linesOf(engine: Engine, transaction: Transaction<Tables>, count: Counter): AsyncGenerator<BackupLine> {
  const tables = await engine.tables(transaction);
  const applied = tables.has('schema_migration') ? await transaction.selectFrom('schema_migration').select('name').execute() : [];
  if (applied.length === 0) throw new StoreError('store-open', 'there is nothing in it: no virtdom has been started on it yet');
  const schema = applied.map(({ name }) => name).sort();
  refuseNewer(schema);
  yield { kind: 'header', header: { format: backupFormat, version: backupVersion, schema, takenMs: Date.now() } satisfies BackupHeader };
  for (const table of backupTables.filter((name) => tables.has(name))) {
    let columns: string[] | undefined;
    for await (const row of engine.rows(transaction, table)) {
      if (columns === undefined) yield { kind: 'table', table, columns: (columns = Object.keys(row)) };
      yield { kind: 'row', values: columns.map((column) => row[column] ?? null) };
      count.add(table);
    }
  }
}

/**
 * Fills an empty database from a backup, in one transaction: all of it or nothing. A backup of an older program is brought up to
 * this one. No service may run on the database meanwhile. Throws StoreError.
 */
export async function restoreDatabase({ database, file, replace = false, onProgress }: RestoreOptions): Promise<{ readonly rows: number }> {
  return withEngine(database, 'whole', (engine) =>
    engine.database.transaction().execute(async (transaction) => {
      await engine.lockMigrations(transaction);
      await refuseUsed(engine, transaction);
      await readApplied(transaction);
      await clear(engine, transaction, replace);
      const count = counter(onProgress);
      const filling = new Filling(engine, transaction, count);
      await readBackupFile(file, (line) => filling.take(line));
      await filling.end();
      return { rows: count.done() };
    }),
  );
}

async function refuseUsed(engine: Engine, transaction: Transaction<Tables>): Promise<void> {
  const others = await engine.servers(transaction);
  if (others.length > 0)
    throw new StoreError('store-in-use', `it is in use by ${others.join(', ')}: stop every virtdom that has this database first`);
}

/** Leaves no table of ours but that of the migrations, which is empty then. */
async function clear(engine: Engine, transaction: Transaction<Tables>, replace: boolean): Promise<void> {
  const there = await engine.tables(transaction);
  const ours = backupTables.filter((name) => there.has(name));
  for (const table of ours.filter((name) => !replace && !seededTables.includes(name))) {
    const [row] = await transaction.selectFrom(table).selectAll().limit(1).execute();
    if (row !== undefined)
      throw new StoreError(
        'store-not-empty',
        `its table ${table} has rows already. Restore into a new database, or say that everything in this one is to be replaced`,
      );
  }
  for (const table of ours.toReversed()) await transaction.schema.dropTable(table).execute();
  await transaction.deleteFrom('schema_migration').execute();
}

/** Puts the lines of a backup where they belong. */
class Filling {
  readonly #engine: Engine;
  readonly #transaction: Transaction<Tables>;
  readonly #count: Counter;
  #applied = 0;
  #table: { readonly name: BackupTable; readonly columns: readonly string[] } | undefined;
  #waiting: Record<string, unknown>[] = [];

  constructor(engine: Engine, transaction: Transaction<Tables>, count: Counter) {
    this.#engine = engine;
    this.#transaction = transaction;
    this.#count = count;
  }

  async take(line: BackupLine): Promise<void> {
    switch (line.kind) {
      case 'header':
        return this.#begin(line.header);
      case 'table':
        await this.#flush();
        this.#table = { name: knownTable(line.table), columns: line.columns };
        return undefined;
      case 'row':
        return this.#add(line.values);
    }
  }

  /** Brings what an older program wrote up to this one. */
  async end(): Promise<void> {
    await this.#flush();
    await applySteps(this.#transaction, Date.now(), migrations.slice(this.#applied));
  }

  async #begin({ schema, takenMs }: BackupHeader): Promise<void> {
    refuseNewer(schema, migrations, 'this backup');
    this.#applied = schema.length;
    await applySteps(this.#transaction, takenMs, migrations.slice(0, schema.length));
    const there = await this.#engine.tables(this.#transaction);
    for (const table of seededTables.filter((name) => there.has(name))) await this.#transaction.deleteFrom(table).execute();
  }

  async #add(values: readonly unknown[]): Promise<void> {
    const table = this.#table;
    if (table === undefined || values.length !== table.columns.length) throw brokenRow(table?.name);
    this.#waiting.push(Object.fromEntries(table.columns.map((column, index) => [column, values[index]])));
    this.#count.add(table.name);
    if (this.#waiting.length >= rowsAStatement) await this.#flush();
  }

  async #flush(): Promise<void> {
    const rows = this.#waiting;
    if (this.#table === undefined || rows.length === 0) return;
    this.#waiting = [];
    const { name } = this.#table;
    try {
      await this.#transaction.insertInto(name).values(rows).execute();
    } catch (cause) {
      if (this.#engine.blame(cause) !== 'statement') throw cause;
      throw new StoreError('backup-broken', `its rows of the table ${name} are refused: ${reasonOf(cause)}`, { cause });
    }
  }
}

function knownTable(name: string): BackupTable {
  const known = backupTables.find((table) => table === name);
  if (known === undefined) throw new StoreError('backup-broken', `it has a table ${name} that virtdom does not know`);
  return known;
}

function brokenRow(table: string | undefined): StoreError {
  return new StoreError('backup-broken', `it has a row of ${table ?? 'no table'} with other columns`);
}

interface Counter {
  add(table: string): void;
  done(): number;
}

function counter(onProgress: BackupOptions['onProgress']): Counter {
  let rows = 0;
  let last = '';
  return {
    add(table) {
      rows++;
      last = table;
      if (rows % progressRows === 0) onProgress?.({ table, rows });
    },
    done() {
      onProgress?.({ table: last, rows });
      return rows;
    },
  };
}

async function withEngine<Result>(database: string, use: EngineUse, act: (engine: Engine) => Promise<Result>): Promise<Result> {
  const name = databaseName(database);
  let engine: Engine | undefined;
  try {
    engine = openEngine(database, use);
    return await act(engine);
  } catch (cause) {
    if (cause instanceof StoreError && cause.code === 'backup-broken') throw cause;
    if (cause instanceof StoreError) throw new StoreError(cause.code, `the database ${name}: ${cause.message}`, { cause });
    const parts = [`the database ${name}: ${reasonOf(cause)}`, engine?.remedy(cause)];
    throw new StoreError('store-open', parts.filter((part) => part !== undefined).join('. '), { cause });
  } finally {
    await engine?.close();
  }
}
