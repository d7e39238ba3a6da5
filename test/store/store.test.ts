import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CapturedLog, silentLog } from '../../src/log.ts';
import { migrations } from '../../src/store/migrate.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { StoreError } from '../../src/store/store-error.ts';
import { openStore, openStoreIn } from '../../src/store/store.ts';
import { alone, lease } from '../contract/store-contract.ts';

describe('the store', { timeout: 30_000 }, () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-store-'));
    file = join(folder, 'virtdom.db');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('writes 500 commits that come together in a few transactions', async () => {
    const store = await openStore({ database: file, serverId: 'one', log: silentLog });
    await Promise.all(Array.from({ length: 500 }, (_, i) => store.leases.commit(alone(lease(`10.0.${i >> 8}.${i & 255}`)))));
    const { writes, transactions } = await store.counts();
    await store.close();
    expect(writes).toBe(500);
    expect(transactions).toBeLessThan(20);
  });

  it('rejects what waits and what comes later when its thread dies, and says so once', async () => {
    const log = new CapturedLog();
    const failures: StoreError[] = [];
    const store = await openStoreIn(new URL('./dying-worker.ts', import.meta.url), {
      database: file,
      serverId: 'one',
      log,
      onFailure: (error) => failures.push(error),
    });
    const reading = store.leases.load();
    const writing = store.leases.commit(alone(lease('10.0.0.1')));
    const crashed = { code: 'store-crashed', message: `the thread that writes ${file} died: disk on fire. Restart virtdom` };
    await expect(writing).rejects.toMatchObject(crashed);
    await expect(reading).rejects.toMatchObject(crashed);
    await expect(store.leases.commit(alone(lease('10.0.0.2')))).rejects.toMatchObject(crashed);
    expect(failures).toMatchObject([crashed]);
    expect(log.lines.map(({ level, message }) => [level, message])).toEqual([['error', 'the store died']]);
  });

  it('goes on when its reading thread dies: what waited for it is rejected, and the next reading starts another one', async () => {
    const log = new CapturedLog();
    const failures: StoreError[] = [];
    const store = await openStoreIn(new URL('./dying-worker.ts', import.meta.url), {
      database: file,
      serverId: 'one',
      log,
      onFailure: (error) => failures.push(error),
    });
    const page = { order: 'newest-first', limit: 10 } as const;
    for (let i = 0; i < 2; i++) {
      await expect(store.events.page(page)).rejects.toMatchObject({
        code: 'store-crashed',
        message: `the thread that reads ${file} died: disk on fire. The next reader starts by itself`,
      });
    }
    expect(failures).toEqual([]);
    expect(log.lines.map(({ level }) => level)).toEqual(['error', 'error']);
    await store.close();
    await expect(store.events.page(page)).rejects.toMatchObject({ code: 'store-closed' });
  });

  it('throws, and reports no failure of a running store, when its thread cannot even start', async () => {
    const failures: StoreError[] = [];
    const opening = openStoreIn(new URL('./no-such-worker.ts', import.meta.url), {
      database: file,
      serverId: 'one',
      log: silentLog,
      onFailure: (error) => failures.push(error),
    });
    await expect(opening).rejects.toMatchObject({ code: 'store-crashed' });
    expect(failures).toEqual([]);
  });

  it('does not open a file that is no database, and names it', async () => {
    writeFileSync(file, 'text '.repeat(1000));
    await expect(openStore({ database: file, serverId: 'one', log: silentLog })).rejects.toMatchObject({
      code: 'store-open',
      message: expect.stringMatching(`cannot open the database ${file}: file is not a database`) as string,
    });
  });

  it('does not open a database of a newer program', async () => {
    await (await openStore({ database: file, serverId: 'one', log: silentLog })).close();
    const database = openSqlite(file);
    await sql`insert into schema_migration values ('9999-from-the-future', 0)`.execute(database);
    await database.destroy();
    await expect(openStore({ database: file, serverId: 'one', log: silentLog })).rejects.toMatchObject({
      code: 'store-newer',
      message: expect.stringContaining('it has 9999-from-the-future') as string,
    });
  });

  it('lets nobody else read its files: menus may hold passwords', async () => {
    const store = await openStore({ database: file, serverId: 'one', log: silentLog });
    await store.leases.commit(alone(lease('10.0.0.1')));
    expect(readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mode & 0o777])).toEqual([
      ['virtdom.db', 0o600],
      ['virtdom.db-shm', 0o600],
      ['virtdom.db-wal', 0o600],
    ]);
    await store.close();
  });

  it('says where it cannot make its folder', async () => {
    writeFileSync(join(folder, 'plain'), '');
    await expect(openStore({ database: join(folder, 'plain/virtdom.db'), serverId: 'one', log: silentLog })).rejects.toMatchObject({
      code: 'store-open',
    });
  });

  it('logs which migrations it applied', async () => {
    const log = new CapturedLog();
    await (await openStore({ database: file, serverId: 'one', log })).close();
    expect(log.lines).toMatchObject([{ level: 'info', fields: { migrations: migrations.map(({ name }) => name) } }]);
  });
});
