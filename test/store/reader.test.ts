import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log.ts';
import { openEngine } from '../../src/store/open-engine.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { PostgresServer } from '../contract/postgres-server.ts';
import { alone, lease } from '../contract/store-contract.ts';

const manyEvents = 60_000;

describe('reading beside writing', { timeout: 120_000 }, () => {
  let folder: string;
  let server: PostgresServer;
  const databases: Record<string, string> = {};

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-reader-'));
    server = await PostgresServer.start();
    databases['SQLite'] = join(folder, 'virtdom.db');
    databases['PostgreSQL'] = server.createDatabase();
    for (const database of Object.values(databases)) await fill(database);
  }, 120_000);

  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  describe.each(['SQLite', 'PostgreSQL'])('in %s', (kind) => {
    let store: Store;

    beforeAll(async () => {
      store = await openStore({ database: databases[kind] ?? '', serverId: 'one', log: silentLog });
    });

    afterAll(() => store.close());

    it('a lease is committed, and a session found, while a long list is being read', async () => {
      const done: string[] = [];
      const listing = store.events.page({ order: 'oldest-first', limit: manyEvents }).then((page) => done.push(`list of ${page.length}`));
      await store.leases.commit(alone(lease('10.0.0.1')));
      done.push('lease');
      await store.accounts.session('00');
      done.push('session');
      await listing;
      expect(done).toEqual(['lease', 'session', `list of ${manyEvents}`]);
    });

    it('what was committed is in the next list', async () => {
      for (let i = 1; i <= 20; i++) {
        const [event] = await store.events.append([{ atMs: manyEvents + i, kind: 'test.new', severity: 'info', detail: {} }]);
        const [newest] = await store.events.page({ order: 'newest-first', limit: 1 });
        expect(newest?.id).toBe(event?.id);
      }
    });

    it('the reader can only read', async () => {
      const engine = openEngine(databases[kind] ?? '', 'read');
      const writing = sql`delete from lease`.execute(engine.database);
      await expect(writing).rejects.toThrow(/readonly database|read-only transaction/);
      await engine.close();
    });

    it('old events are deleted in bites, between which leases are committed', async () => {
      const before = await store.counts();
      const pruning = { ended: false };
      const pruned = store.events.prune(manyEvents / 2).finally(() => (pruning.ended = true));
      let leases = 0;
      for (; !pruning.ended && leases < 1000; leases++) await store.leases.commit(alone(lease(`10.1.${leases >> 8}.${leases & 255}`)));
      expect(await pruned).toBe(manyEvents / 2);
      const after = await store.counts();
      expect(after.writes - before.writes).toBe(manyEvents / 2 / 500 + leases);
      expect(leases).toBeGreaterThan(5);
      expect(await store.events.prune(manyEvents / 2)).toBe(0);
      expect((await store.events.bounds()).oldest).toBe(manyEvents / 2 + 1);
    });
  });

  it('a full disk rejects a commit with its reason, and the next one is good again', async () => {
    const database = openSqlite(join(folder, 'full.db'));
    await sql`create table text (value text)`.execute(database);
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database);
    await sql.raw(`pragma max_page_count = ${rows[0]?.page_count}`).execute(database);
    const write = database
      .transaction()
      .execute((transaction) => sql`insert into text values (${'x'.repeat(100_000)})`.execute(transaction));
    await expect(write).rejects.toMatchObject({ code: 'SQLITE_FULL' });
    await sql`pragma max_page_count = 1000000`.execute(database);
    await database.transaction().execute((transaction) => sql`insert into text values ('good')`.execute(transaction));
    await database.destroy();
  });
});

async function fill(database: string): Promise<void> {
  const store = await openStore({ database, serverId: 'filling', log: silentLog });
  for (let start = 0; start < manyEvents; start += 10_000) {
    const events = Array.from({ length: 10_000 }, (_, i) => ({ atMs: start + i, kind: 'a.b', severity: 'info' as const, detail: { i } }));
    await store.events.append(events);
  }
  await store.close();
}
