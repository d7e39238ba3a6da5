import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate, migrations } from '../../src/store/migrate.ts';
import { lockMigrations, openSqlite } from '../../src/store/sqlite.ts';

function step(name: string, up: (target: Kysely<unknown>) => Promise<void>) {
  return { name, up };
}

function makeTable(name: string) {
  return async (target: Kysely<unknown>): Promise<void> => {
    await target.schema.createTable(name).addColumn('id', 'integer').execute();
  };
}

describe('migrations', () => {
  let folder: string;
  let database: ReturnType<typeof openSqlite>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-migrate-'));
    database = openSqlite(join(folder, 'virtdom.db'));
  });

  afterEach(async () => {
    await database.destroy();
    rmSync(folder, { recursive: true });
  });

  const tables = async (): Promise<string[]> => {
    const all = await database.introspection.getTables();
    return all.map(({ name }) => name).sort();
  };
  it('are numbered and named in the order they are applied in', () => {
    const names = migrations.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    names.forEach((name, index) => expect(name.startsWith(String(index + 1).padStart(4, '0'))).toBe(true));
  });

  it('make an empty database this program’s, and a second start changes nothing', async () => {
    expect(await migrate(database, lockMigrations, 1000)).toEqual(migrations.map(({ name }) => name));
    expect(await tables()).toEqual(['boot_attempt', 'lease', 'schema_migration']);
    expect(await migrate(database, lockMigrations, 2000)).toEqual([]);
    expect(await database.selectFrom('schema_migration').select('applied_ms').execute()).toEqual(
      migrations.map(() => ({ applied_ms: 1000 })),
    );
  });

  it('apply only the steps that are missing', async () => {
    await migrate(database, lockMigrations, 1000, [step('0001-a', makeTable('a'))]);
    const both = [step('0001-a', makeTable('a')), step('0002-b', makeTable('b'))];
    expect(await migrate(database, lockMigrations, 2000, both)).toEqual(['0002-b']);
    expect(await tables()).toEqual(['a', 'b', 'schema_migration']);
  });

  it('are all applied or none', async () => {
    const broken = [step('0001-a', makeTable('a')), step('0002-b', () => Promise.reject(new Error('broken')))];
    await expect(migrate(database, lockMigrations, 1000, broken)).rejects.toThrow('broken');
    expect(await tables()).toEqual(['schema_migration']);
    expect(await database.selectFrom('schema_migration').selectAll().execute()).toEqual([]);
  });

  it('refuse a database that a newer program has changed, and leave it as it is', async () => {
    await migrate(database, lockMigrations, 1000, [step('0001-a', makeTable('a')), step('0002-b', makeTable('b'))]);
    const older = [step('0001-a', makeTable('a'))];
    await expect(migrate(database, lockMigrations, 2000, older)).rejects.toMatchObject({
      code: 'store-newer',
      message: expect.stringMatching(/made by a newer virtdom: it has 0002-b, this program knows up to 0001-a/) as string,
    });
    expect(await tables()).toEqual(['a', 'b', 'schema_migration']);
  });

  it('wait for each other: two programs that start at once apply each step once', async () => {
    const second = openSqlite(join(folder, 'virtdom.db'));
    // better-sqlite3 waits by blocking this thread, so the one that has the lock could not go on: give up at once here.
    await sql`pragma busy_timeout = 0`.execute(second);
    const during = step('0001-a', async (target) => {
      await expect(migrate(second, lockMigrations, 1000, [step('0001-a', makeTable('a'))])).rejects.toThrow('database is locked');
      await makeTable('a')(target);
    });
    expect(await migrate(database, lockMigrations, 1000, [during])).toEqual(['0001-a']);
    expect(await migrate(second, lockMigrations, 1000, [step('0001-a', makeTable('a'))])).toEqual([]);
    await second.destroy();
  });
});
