import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keptAttempts, writeAttempt } from '../../src/store/attempt-table.ts';
import { migrate } from '../../src/store/migrate.ts';
import { lockMigrations, openSqlite } from '../../src/store/sqlite.ts';
import { attempt, grantedMs } from '../contract/store-contract.ts';

describe('the table of attempts', () => {
  let folder: string;
  let database: ReturnType<typeof openSqlite>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-attempts-'));
    database = openSqlite(join(folder, 'virtdom.db'));
    await migrate(database, lockMigrations, grantedMs);
  });

  afterEach(async () => {
    await database.destroy();
    rmSync(folder, { recursive: true });
  });

  it(`keeps ${keptAttempts} attempts of a machine and drops its oldest, no other machine's`, async () => {
    const other = { ...attempt('x').machine, name: 'post02' };
    await database.transaction().execute(async (transaction) => {
      await writeAttempt(transaction, attempt('other', { machine: other, openedMs: grantedMs - 1 }));
      for (let i = 0; i < keptAttempts + 3; i++) await writeAttempt(transaction, attempt(`a${i}`, { openedMs: grantedMs + i }));
    });
    const rows = await database.selectFrom('boot_attempt').select('id').orderBy('opened_ms').execute();
    expect(rows).toHaveLength(keptAttempts + 1);
    expect(rows.slice(0, 2)).toEqual([{ id: 'other' }, { id: 'a3' }]);
  });

  it('keeps the newest that came up, whatever began since', async () => {
    await database.transaction().execute(async (transaction) => {
      for (const i of [0, 1]) await writeAttempt(transaction, attempt(`up${i}`, { openedMs: grantedMs + i, state: 'up' }));
      for (let i = 2; i < keptAttempts + 5; i++) await writeAttempt(transaction, attempt(`a${i}`, { openedMs: grantedMs + i }));
    });
    const rows = await database.selectFrom('boot_attempt').select('id').orderBy('opened_ms').execute();
    expect(rows.slice(0, 2)).toEqual([{ id: 'up1' }, { id: 'a5' }]);
  });

  it('has columns to ask by beside the document', async () => {
    await writeAttempt(database, attempt('a', { state: 'up' }));
    const row = await database
      .selectFrom('boot_attempt')
      .select(['machine', 'mac', 'image', 'state', 'opened_ms', 'last_seen_ms'])
      .executeTakeFirst();
    expect(row).toEqual({
      machine: 'post01',
      mac: '52:54:00:00:00:01',
      image: 'dom0@3',
      state: 'up',
      opened_ms: grantedMs,
      last_seen_ms: grantedMs + 10,
    });
  });
});
