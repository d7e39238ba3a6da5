import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CapturedLog, silentLog } from '../../src/log.ts';
import type { Lease } from '../../src/model/lease.ts';
import { openEngine } from '../../src/store/open-engine.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import { PostgresServer } from '../contract/postgres-server.ts';
import { alone, lease } from '../contract/store-contract.ts';
import { BlackHole } from './black-hole.ts';

/** The machine may have a lot to do. */
const patiently = { timeout: 15_000 };
const settings = ['synchronous_commit', 'default_transaction_isolation', 'statement_timeout', 'search_path'];

describe('PostgreSQL', { timeout: 60_000 }, () => {
  let server: PostgresServer;
  let database: string;

  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);

  afterAll(() => server.close());

  beforeEach(() => {
    database = server.createDatabase();
  });

  it('syncs each commit whatever its defaults are, and keeps the options of the URL', async () => {
    server.sql(`alter database ${nameOf(database)} set synchronous_commit = off`);
    server.sql(`alter database ${nameOf(database)} set default_transaction_isolation = 'serializable'`);
    const engine = openEngine(`${database}&options=${encodeURIComponent('-c search_path=elsewhere -c synchronous_commit=local')}`, 'write');
    const writer = engine.writing('leases');
    const shown: string[] = [];
    for (const name of settings) {
      const { rows } = await sql<Record<string, string>>`show ${sql.raw(name)}`.execute(writer);
      shown.push(rows[0]?.[name] ?? '');
    }
    await engine.close();
    expect(shown).toEqual(['on', 'read committed', '5s', 'elsewhere']);
  });

  it('gives leases a connection of their own', async () => {
    const engine = openEngine(database, 'write');
    const pidOf = async (area: string): Promise<number | undefined> => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(engine.writing(area));
      return rows[0]?.pid;
    };
    const pids = new Set([await pidOf('leases'), await pidOf('events'), await pidOf('objects')]);
    await engine.close();
    expect(pids.size).toBe(3);
  });

  it('counts in numbers, not in texts', async () => {
    const engine = openEngine(database, 'whole');
    const { rows } = await sql`select count(*) as count, 9007199254740991::bigint as large, null::bigint as none from pg_class`.execute(
      engine.database,
    );
    await engine.close();
    expect(rows).toEqual([{ count: expect.any(Number) as number, large: Number.MAX_SAFE_INTEGER, none: null }]);
  });

  it('says what to do where it cannot be opened, and no password', async () => {
    const wrong = [
      ['postgres://virtdom:geheim@127.0.0.1:9/virtdom', /ECONNREFUSED.* Check the URL, and that PostgreSQL runs/],
      [database.replace(/test\d+/, 'missing'), /database "missing" does not exist\. Make the database: createdb/],
      ['postgres://virt dom@/:geheim', /no URL\. Write it as postgres:\/\/USER@HOST\/DATABASE/],
    ] as const;
    for (const [url, message] of wrong) {
      const error: unknown = await openStore({ database: url, serverId: 'one', log: silentLog }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'store-open', message: expect.stringMatching(message) as string });
      expect(String(error)).not.toContain('geheim');
    }
  });

  it('that is gone for a while ends nothing: commits are rejected, said once, and come through when it is back', async () => {
    const log = new CapturedLog();
    let failures = 0;
    const store = await openStore({ database, serverId: 'one', log, onFailure: () => failures++ });
    await store.leases.commit(alone(lease('10.0.0.1')));
    log.lines.length = 0;
    await server.stop();
    try {
      for (let i = 0; i < 30; i++) {
        await expect(store.leases.commit(alone(lease('10.0.0.2')))).rejects.toMatchObject({ code: 'store-write' });
        await expect(store.events.page({ order: 'oldest-first', limit: 1 })).rejects.toMatchObject({ code: 'store-read' });
      }
      await vi.waitUntil(() => store.health().kind === 'failing', patiently);
    } finally {
      await server.resume();
    }
    await vi.waitUntil(() => store.health().kind === 'ok', patiently);
    expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
      ['error', 'the database fails: nothing is promised that cannot be kept'],
      ['info', 'the database is back'],
    ]);
    await store.leases.commit(alone(lease('10.0.0.3')));
    const kept = (await store.leases.load()).map(({ address }) => address);
    const events = await store.events.page({ order: 'oldest-first', limit: 1 });
    await store.close();
    expect(kept).toEqual(['10.0.0.1', '10.0.0.3']);
    expect(events).toEqual([]);
    expect(failures).toBe(0);
  });

  it('that does not answer, and does not say good-bye, holds up a commit for some seconds only', async () => {
    const hole = await BlackHole.before(database);
    const store = await openStore({ database: hole.url, serverId: 'one', log: silentLog });
    await store.leases.commit(alone(lease('10.0.0.1')));
    hole.swallowing = true;
    for (let i = 0; i < 2; i++) {
      const begunMs = performance.now();
      await expect(store.leases.commit(alone(lease('10.0.0.2')))).rejects.toMatchObject({ code: 'store-write' });
      expect(performance.now() - begunMs).toBeLessThan(8000);
    }
    expect(store.health()).toMatchObject({ kind: 'failing', reason: 'no answer for 6 seconds' });
    hole.swallowing = false;
    await vi.waitUntil(() => store.health().kind === 'ok', patiently);
    await store.leases.commit(alone(lease('10.0.0.3')));
    const kept = (await store.leases.load()).map(({ address }) => address);
    hole.swallowing = true;
    await store.close();
    hole.close();
    expect(kept).toEqual(['10.0.0.1', '10.0.0.3']);
  });

  it('is not asked for longer than five seconds: a lock that somebody holds rejects a commit', async () => {
    const store = await openStore({ database, serverId: 'one', log: silentLog });
    const other = openEngine(database, 'whole');
    await other.database.transaction().execute(async (transaction) => {
      await sql`lock table lease`.execute(transaction);
      const begunMs = performance.now();
      await expect(store.leases.commit(alone(lease('10.0.0.1')))).rejects.toMatchObject({ code: 'store-write' });
      expect(performance.now() - begunMs).toBeLessThan(8000);
      expect(await store.events.append([{ atMs: 0, kind: 'a.b', severity: 'info', detail: {} }])).toHaveLength(1);
    });
    await vi.waitUntil(() => store.health().kind === 'ok', patiently);
    await store.leases.commit(alone(lease('10.0.0.1')));
    await Promise.all([store.close(), other.close()]);
  });

  describe('between two servers', () => {
    let one: Store;
    let two: Store;
    let heard: unknown[];

    const open = async (): Promise<void> => {
      one = await openStore({ database, serverId: 'one', log: silentLog });
      two = await openStore({ database, serverId: 'two', log: silentLog });
      heard = [];
      for (const [name, store] of Object.entries({ one, two })) {
        store.leases.follow(
          (leases) => heard.push([name, 'leases', leases.map(({ address }) => address)]),
          () => heard.push([name, 'leases lost']),
        );
        store.objects.follow(() => heard.push([name, 'objects']));
        store.templates.follow(() => heard.push([name, 'templates']));
        store.events.follow((newest) => heard.push([name, 'events', newest]));
      }
    };
    const close = (): Promise<unknown> => Promise.all([one.close(), two.close()]);

    it('tells the other one, and not itself, of what was committed', async () => {
      await open();
      await one.leases.commit(alone(lease('10.0.0.1'), lease('10.0.0.2')));
      await vi.waitUntil(() => heard.length === 1, patiently);
      await two.events.append([
        { atMs: 0, kind: 'a.b', severity: 'info', detail: {} },
        { atMs: 0, kind: 'a.c', severity: 'info', detail: {} },
      ]);
      await vi.waitUntil(() => heard.length === 2, patiently);
      const document = { kind: 'Profile', name: 'dom0' } as const;
      await one.objects.commit([{ kind: 'Profile', name: 'dom0', revision: 0, document }], 'anna', 0);
      await vi.waitUntil(() => heard.length === 3, patiently);
      // Refused: nothing is told.
      await one.objects.commit([{ kind: 'Profile', name: 'dom0', revision: 0, document }], 'anna', 0);
      await one.templates.commit({ state: { name: 'menu.lst', revision: 1, published: 0, updatedMs: 0, updatedBy: 'anna' } });
      await vi.waitUntil(() => heard.length === 4, patiently);
      await close();
      expect(heard).toEqual([
        ['two', 'leases', ['10.0.0.1', '10.0.0.2']],
        ['one', 'events', 2],
        ['two', 'objects'],
        ['two', 'templates'],
      ]);
    });

    it('tells nothing of what was rolled back', async () => {
      await open();
      const wrong = { ...lease('10.0.0.2'), mac: null } as unknown as Lease;
      await expect(one.leases.commit(alone(lease('10.0.0.1'), wrong))).rejects.toMatchObject({ code: 'store-write' });
      await one.leases.commit(alone(lease('10.0.0.3')));
      await vi.waitUntil(() => heard.length > 0, patiently);
      await close();
      expect(heard).toEqual([['two', 'leases', ['10.0.0.3']]]);
    });

    it('tells of 2000 leases in messages that PostgreSQL takes, none missing', async () => {
      await open();
      const addresses = Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
      await one.leases.commit(alone(...addresses.map((address) => lease(address, { hostName: 'ü'.repeat(40) }))));
      await vi.waitUntil(() => addressesIn(heard).length >= 2000, patiently);
      await close();
      expect(addressesIn(heard).toSorted()).toEqual(addresses.toSorted());
    });

    it('has everything loaded again after the listening connection was lost', async () => {
      await open();
      await one.events.append([{ atMs: 0, kind: 'a.b', severity: 'info', detail: {} }]);
      await vi.waitUntil(() => heard.length === 1, patiently);
      heard.length = 0;
      server.sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${nameOf(database)}' and query like 'listen%'`);
      await vi.waitUntil(() => heard.length >= 8, patiently);
      await vi.waitUntil(() => one.health().kind === 'ok' && two.health().kind === 'ok', patiently);
      await one.leases.commit(alone(lease('10.0.0.9')));
      await vi.waitUntil(() => heard.length >= 9, patiently);
      await close();
      expect(heard.filter((each) => (each as string[])[0] === 'two')).toEqual([
        ['two', 'leases lost'],
        ['two', 'objects'],
        ['two', 'templates'],
        ['two', 'events', 1],
        ['two', 'leases', ['10.0.0.9']],
      ]);
    });

    it('ignores what another program notifies on the same channel', async () => {
      const log = new CapturedLog();
      const store = await openStore({ database, serverId: 'one', log });
      const objects: string[] = [];
      store.objects.follow(() => objects.push('objects'));
      for (const payload of [
        '',
        'text',
        '{}',
        '[]',
        'null',
        '{"server":"x","area":"objects","payloads":1}',
        '{"server":"x","area":"toString"}',
      ])
        server.sql(`notify virtdom, '${payload}'`, database);
      server.sql(`notify virtdom, '{"server":"x","area":"objects"}'`, database);
      await vi.waitUntil(() => objects.length > 0, patiently);
      await store.close();
      expect(objects).toEqual(['objects']);
      expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(6);
    });

    it('says that another server has its name', async () => {
      const log = new CapturedLog();
      const store = await openStore({ database, serverId: 'boot1', log });
      server.sql(`notify virtdom, '{"server":"boot10 x-y","area":"objects"}'`, database);
      server.sql(`notify virtdom, '{"server":"boot1 x-y","area":"objects"}'`, database);
      server.sql(`notify virtdom, '{"server":"boot1 x-y","area":"objects"}'`, database);
      await vi.waitUntil(() => log.lines.some(({ level }) => level === 'error'), patiently);
      await store.close();
      expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { serverName: 'boot1' } }]);
    });

    it('makes the numbers of events visible in their order: who has seen one has seen all below it', async () => {
      await open();
      const gaps: number[] = [];
      const watch = async (): Promise<void> => {
        for (let after = 0; after < 240;) {
          const page = await two.events.page({ after, order: 'oldest-first', limit: 1000 });
          page.forEach(({ id }, index) => {
            if (id !== after + index + 1) gaps.push(id);
          });
          after = page.at(-1)?.id ?? after;
        }
      };
      await Promise.all([watch(), ...[one, two, one, two].map(append60)]);
      const bounds = await one.events.bounds();
      await close();
      expect(gaps).toEqual([]);
      expect(bounds).toEqual({ oldest: 1, newest: 240 });
    });
  });
});

function addressesIn(heard: readonly unknown[]): string[] {
  return heard.flatMap((each) => (each as [string, string, string[]])[2]);
}

async function append60(store: Store): Promise<void> {
  for (let i = 0; i < 60; i++) await store.events.append([{ atMs: i, kind: 'a.b', severity: 'info', detail: {} }]);
}

function nameOf(database: string): string {
  return /test\d+/.exec(database)?.[0] ?? '';
}
