import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log.ts';
import { openEngine } from '../../src/store/open-engine.ts';
import type { Engine } from '../../src/store/engine.ts';
import { migrate, migrations } from '../../src/store/migrate.ts';
import { lockMigrations, openSqlite } from '../../src/store/sqlite.ts';
import { openStore } from '../../src/store/store.ts';
import { PostgresServer } from '../contract/postgres-server.ts';
import { attempt, grantedMs, lease } from '../contract/store-contract.ts';

function step(name: string, up: (target: Kysely<unknown>) => Promise<void>) {
  return { name, up };
}

function makeTable(name: string) {
  return async (target: Kysely<unknown>): Promise<void> => {
    await target.schema.createTable(name).addColumn('id', 'integer').execute();
  };
}

/** Rows as the program of each step wrote them, and what the present one has to make of them. */
const filled = [
  {
    until: '0001-leases-and-attempts',
    fill: async (database: Kysely<unknown>): Promise<void> => {
      const old = database as Kysely<Record<string, Record<string, unknown>>>;
      const { hostName, grantedMs: granted_ms, expiresMs: expires_ms, ...same } = lease('10.0.0.1', { hostName: 'post01' });
      await old
        .insertInto('lease')
        .values({ ...same, host_name: hostName, granted_ms, expires_ms })
        .execute();
      for (const [id, state] of Object.entries({ a: 'running', b: 'up', c: 'stuck' })) {
        const { machine, mac, image, openedMs, lastSeenMs, ...more } = attempt(id);
        const document = JSON.stringify({ ...more, id, machine, mac, image, openedMs, lastSeenMs, state });
        await old
          .insertInto('boot_attempt')
          .values({ id, machine: machine.name, mac, image, state, opened_ms: openedMs, last_seen_ms: lastSeenMs, document })
          .execute();
      }
    },
  },
  {
    until: '0002-control-plane',
    fill: async (database: Kysely<unknown>): Promise<void> => {
      const old = database as Kysely<Record<string, Record<string, unknown>>>;
      const { hostName, grantedMs: granted_ms, expiresMs: expires_ms, ...same } = lease('10.0.0.1', { hostName: 'post01' });
      await old
        .insertInto('lease')
        .values({ ...same, host_name: hostName, granted_ms, expires_ms })
        .execute();
      for (const [id, state] of Object.entries({ a: 'booting', b: 'up', c: 'stuck' })) {
        const { machine, mac, image, openedMs, lastSeenMs, profile, ...more } = attempt(id);
        const document = JSON.stringify({ ...more, id, machine, mac, image, openedMs, lastSeenMs, profile, state });
        const row = { id, machine: machine.name, mac, image, state, opened_ms: openedMs, last_seen_ms: lastSeenMs, document };
        await old
          .insertInto('boot_attempt')
          .values({ ...row, profile: profile.name })
          .execute();
      }
    },
  },
];

interface UnderTest {
  readonly database: string;
  readonly remove: () => void;
}

function migrationTests(make: () => UnderTest): void {
  let under: UnderTest;
  let engine: Engine;

  beforeEach(() => {
    under = make();
    engine = openEngine(under.database, 'whole');
  });

  afterEach(async () => {
    await engine.close();
    under.remove();
  });

  const run = (nowMs: number, steps = migrations): Promise<string[]> => migrate(engine.database, engine.lockMigrations, nowMs, steps);
  const tables = async (): Promise<string[]> => [...(await engine.snapshot((transaction) => engine.tables(transaction)))].sort();

  it('make an empty database this program’s, and a second start changes nothing', async () => {
    expect(await run(1000)).toEqual(migrations.map(({ name }) => name));
    expect(await tables()).toEqual(expect.arrayContaining(['boot_attempt', 'lease', 'schema_migration']));
    expect(await run(2000)).toEqual([]);
    expect(await engine.database.selectFrom('schema_migration').select('applied_ms').execute()).toEqual(
      migrations.map(() => ({ applied_ms: 1000 })),
    );
  });

  it('apply only the steps that are missing', async () => {
    await run(1000, [step('0001-a', makeTable('a'))]);
    expect(await run(2000, [step('0001-a', makeTable('a')), step('0002-b', makeTable('b'))])).toEqual(['0002-b']);
    expect(await tables()).toEqual(['a', 'b', 'schema_migration']);
  });

  it('are all applied or none', async () => {
    const broken = [step('0001-a', makeTable('a')), step('0002-b', () => Promise.reject(new Error('broken')))];
    await expect(run(1000, broken)).rejects.toThrow('broken');
    expect(await tables()).toEqual([]);
  });

  it('refuse a database that a newer program has changed, and leave it as it is', async () => {
    await run(1000, [step('0001-a', makeTable('a')), step('0002-b', makeTable('b'))]);
    await expect(run(2000, [step('0001-a', makeTable('a'))])).rejects.toMatchObject({
      code: 'store-newer',
      message: expect.stringMatching(/made by a newer virtdom: it has 0002-b, this program knows up to 0001-a/) as string,
    });
    expect(await tables()).toEqual(['a', 'b', 'schema_migration']);
  });

  it('are tried from each earlier schema, with rows in it', () => {
    expect(filled.map(({ until }) => until)).toEqual(migrations.slice(0, -1).map(({ name }) => name));
  });

  it.each(filled)('bring a database of $until with its leases and attempts up to this program', async ({ until, fill }) => {
    const steps = migrations.slice(0, migrations.findIndex(({ name }) => name === until) + 1);
    expect(await run(1000, steps)).toEqual(steps.map(({ name }) => name));
    await fill(engine.database as unknown as Kysely<unknown>);

    const store = await openStore({ database: under.database, serverId: 'one', log: silentLog });
    const leases = await store.leases.load();
    const attempts = await store.attempts.load();
    const booting = await store.archive.page({ states: ['booting'], profile: 'dom0', limit: 10 });
    await store.close();
    expect(leases).toEqual([lease('10.0.0.1', { hostName: 'post01' })]);
    expect(attempts.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'booting'],
      ['b', 'up'],
      ['c', 'stuck'],
    ]);
    expect(attempts[0]).toEqual(attempt('a', { state: 'booting' }));
    expect(booting.map(({ id }) => id)).toEqual(['a']);
    expect(await run(grantedMs)).toEqual([]);
  });
}

describe('migrations', () => {
  it('are numbered and named in the order they are applied in', () => {
    const names = migrations.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    names.forEach((name, index) => expect(name.startsWith(String(index + 1).padStart(4, '0'))).toBe(true));
  });
});

function sqliteUnderTest(): UnderTest {
  const folder = mkdtempSync(join(tmpdir(), 'virtdom-migrate-'));
  return { database: join(folder, 'virtdom.db'), remove: () => rmSync(folder, { recursive: true }) };
}

describe('migrations of SQLite', { timeout: 30_000 }, () => {
  migrationTests(sqliteUnderTest);

  it('wait for each other: two programs that start at once apply each step once', async () => {
    const { database, remove } = sqliteUnderTest();
    const [first, second] = [openSqlite(database), openSqlite(database)];
    // better-sqlite3 waits by blocking this thread, so the one that has the lock could not go on: give up at once here.
    await sql`pragma busy_timeout = 0`.execute(second);
    const during = step('0001-a', async (target) => {
      await expect(migrate(second, lockMigrations, 1000, [step('0001-a', makeTable('a'))])).rejects.toThrow('database is locked');
      await makeTable('a')(target);
    });
    expect(await migrate(first, lockMigrations, 1000, [during])).toEqual(['0001-a']);
    expect(await migrate(second, lockMigrations, 1000, [step('0001-a', makeTable('a'))])).toEqual([]);
    await Promise.all([first.destroy(), second.destroy()]);
    remove();
  });
});

describe('migrations of PostgreSQL', { timeout: 30_000 }, () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);

  afterAll(() => server.close());

  migrationTests(() => ({ database: server.createDatabase(), remove() {} }));

  it('wait for each other: four servers that start at once on an empty database apply each step once', async () => {
    const database = server.createDatabase();
    const engines = Array.from({ length: 4 }, () => openEngine(database, 'whole'));
    const applied = await Promise.all(engines.map((each) => migrate(each.database, each.lockMigrations, 1000)));
    await Promise.all(engines.map((each) => each.close()));
    expect(applied.flat().sort()).toEqual(migrations.map(({ name }) => name));
  });
});
