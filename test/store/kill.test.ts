import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { PostgresServer } from '../contract/postgres-server.ts';

const kinds = ['lease', 'event', 'object', 'boot'];

describe('after a kill -9 in the middle of writing', { timeout: 60_000 }, () => {
  let folder: string;
  let server: PostgresServer;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-kill-'));
    server = await PostgresServer.start();
  }, 60_000);

  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it('SQLite has all that was acknowledged, nothing half, and is sound', async () => {
    const database = join(folder, 'virtdom.db');
    for (let round = 0; round < 4; round++) {
      const acknowledged = await killDuringWrites(database, round, 20 + Math.random() * 150);
      expect(await lossesOf(database, acknowledged)).toEqual({ acknowledged: true, lost: [], halves: [] });
    }
    const connection = openSqlite(database);
    const { rows } = await sql`pragma integrity_check`.execute(connection);
    await connection.destroy();
    expect(rows).toEqual([{ integrity_check: 'ok' }]);
  });

  it('PostgreSQL has all that was acknowledged, and nothing half', async () => {
    const database = server.createDatabase();
    for (let round = 0; round < 3; round++) {
      const acknowledged = await killDuringWrites(database, round, 20 + Math.random() * 150);
      expect(await lossesOf(database, acknowledged)).toEqual({ acknowledged: true, lost: [], halves: [] });
    }
  });

  it('PostgreSQL has all that was acknowledged before its own crash, whatever the database has as its default', async () => {
    const database = server.createDatabase();
    const [, name] = /\/\/\/(\w+)/.exec(database) ?? [];
    server.sql(`alter database ${name} set synchronous_commit = off`);
    const acknowledged = await killDuringWrites(database, 1, 400, () => server.stop('crash'));
    await server.resume();
    expect(await lossesOf(database, acknowledged)).toEqual({ acknowledged: true, lost: [], halves: [] });
  });
});

/** What was acknowledged and is not there, and what is there without its other half. */
async function lossesOf(database: string, acknowledged: readonly string[]) {
  const store = await openStore({ database, serverId: 'checking', log: silentLog });
  try {
    const there = await contentsOf(store);
    return {
      acknowledged: kinds.every((kind) => acknowledged.some((line) => line.startsWith(kind))),
      lost: acknowledged.filter((line) => !there.complete.has(line)),
      halves: there.halves,
    };
  } finally {
    await store.close();
  }
}

async function contentsOf(store: Store): Promise<{ complete: Set<string>; halves: string[] }> {
  const complete = new Set<string>();
  const halves: string[] = [];
  for (const { address } of await store.leases.load()) complete.add(`lease ${address}`);
  const events = await store.events.page({ order: 'oldest-first', limit: 1_000_000 });
  for (const first of events.filter(({ kind }) => kind === 'test.first')) {
    const second = events.find(({ id, kind }) => id === first.id + 1 && kind === 'test.second');
    if (second === undefined || JSON.stringify(second.detail) !== JSON.stringify(first.detail)) halves.push(`event ${first.id}`);
    else complete.add(`event ${first.id}`);
  }
  const { objects } = await store.objects.load();
  const names = new Set(objects.map(({ name }) => name));
  for (const pair of new Set(objects.map(({ name }) => name.slice(0, -1)))) {
    if (names.has(`${pair}a`) && names.has(`${pair}b`)) complete.add(`object ${pair}`);
    else halves.push(`object ${pair}`);
  }
  const boots = new Set((await store.hostBoots.load()).map(({ attempt }) => attempt));
  for (const { id, redeemedMs } of await store.attempts.load()) {
    if ((redeemedMs !== undefined) !== boots.has(id)) halves.push(`boot ${id}`);
    else if (redeemedMs !== undefined) complete.add(`boot ${id}`);
  }
  return { complete, halves };
}

/** What a process printed, each line after its commit had resolved, until it was killed `afterMs` after it had written each kind. */
function killDuringWrites(
  database: string,
  round: number,
  afterMs: number,
  first: () => Promise<void> = () => Promise.resolve(),
): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'committing-process.ts'), database, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = async (): Promise<void> => {
    await first();
    child.kill('SIGKILL');
  };
  let printed = '';
  let killing: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    if (kinds.every((kind) => printed.includes(kind))) killing ??= setTimeout(() => void kill(), afterMs);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    // The last line may be cut off: it counts only with its end.
    child.on('close', () => resolve(printed.split('\n').slice(0, -1)));
  });
}
