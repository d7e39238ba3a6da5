import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';

describe('the SQLite connection', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-sqlite-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('syncs each commit: better-sqlite3 alone would have it NORMAL', async () => {
    const database = openSqlite(join(folder, 'virtdom.db'));
    const pragma = async (name: string): Promise<unknown> => {
      const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(database);
      return Object.values(rows[0] ?? {})[0];
    };
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2);
    expect(await pragma('foreign_keys')).toBe(1);
    expect(await pragma('busy_timeout')).toBe(5000);
    await database.destroy();
  });

  it('says what to do with a file that is no database', () => {
    const file = join(folder, 'virtdom.db');
    writeFileSync(file, 'no database at all, but long enough to be looked at as one: '.repeat(100));
    expect(() => openSqlite(file)).toThrow(
      'file is not a database. Move the file away to begin with an empty database, or put back a copy of it',
    );
  });

  it('says what to do where the file cannot be made', () => {
    expect(() => openSqlite(folder)).toThrow('unable to open database file. Check that this user may write the file and its folder');
  });
});
