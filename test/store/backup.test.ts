import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log.ts';
import { backupDatabase, restoreDatabase } from '../../src/store/backup.ts';
import { backupTables } from '../../src/store/backup-tables.ts';
import { openEngine } from '../../src/store/open-engine.ts';
import { migrate, migrations } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/store.ts';
import { PostgresServer } from '../contract/postgres-server.ts';
import { alone, attempt, grantedMs, lease } from '../contract/store-contract.ts';

const kinds = ['SQLite', 'PostgreSQL'] as const;
type Kind = (typeof kinds)[number];
const pairs = kinds.flatMap((from) => kinds.map((to) => ({ from, to })));
/** More than one statement and one fetch of a cursor hold. */
const manyEvents = 2300;

describe('backup and restore', { timeout: 60_000 }, () => {
  let folder: string;
  let server: PostgresServer;
  let file: string;
  let made = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtdom-backup-'));
    server = await PostgresServer.start();
  }, 60_000);

  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  beforeEach(() => {
    file = join(folder, `${made++}.backup`);
  });

  const make = (kind: Kind): string => (kind === 'SQLite' ? join(folder, `${made++}.db`) : server.createDatabase());

  it.each(kinds)('know every table of %s', async (kind) => {
    const database = make(kind);
    await (await openStore({ database, serverId: 'one', log: silentLog })).close();
    const engine = openEngine(database, 'backup');
    const tables = await engine.snapshot((transaction) => engine.tables(transaction));
    await engine.close();
    expect([...tables].sort()).toEqual([...backupTables, 'schema_migration'].sort());
  });

  it.each(pairs)('bring everything from $from to $to, beside a running service', async ({ from, to }) => {
    const [source, target] = [make(from), make(to)];
    const store = await openStore({ database: source, serverId: 'one', log: silentLog });
    await fill(store);
    const progress: number[] = [];
    const { rows } = await backupDatabase({ database: source, file, onProgress: (each) => progress.push(each.rows) });
    await store.close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(progress).toEqual([1000, 2000, rows]);

    expect(await restoreDatabase({ database: target, file })).toEqual({ rows });
    expect(await contentsOf(target)).toEqual(await contentsOf(source));
    expect(to === 'SQLite' ? statSync(target).mode & 0o777 : 0o600).toBe(0o600);
    const again = await openStore({ database: target, serverId: 'one', log: silentLog });
    const appended = await again.events.append([{ atMs: 0, kind: 'a.b', severity: 'info', detail: {} }]);
    await again.close();
    expect(appended.map(({ id }) => id)).toEqual([manyEvents + 1]);
  });

  it.each(pairs)('bring a backup of the first schema from $from up to this program in $to', async ({ from, to }) => {
    const [source, target] = [make(from), make(to)];
    const engine = openEngine(source, 'whole');
    await migrate(engine.database, engine.lockMigrations, 1000, migrations.slice(0, 1));
    await insertOldAttempt(engine.database as unknown as Kysely<unknown>);
    await engine.close();
    await backupDatabase({ database: source, file });
    await restoreDatabase({ database: target, file });
    const store = await openStore({ database: target, serverId: 'one', log: silentLog });
    const attempts = await store.attempts.load();
    await store.close();
    expect(attempts.map(({ id, state }) => [id, state])).toEqual([['old', 'booting']]);
  });

  describe.each(kinds)('into %s', (kind) => {
    let backup: Buffer;
    let used: string;
    let before: Record<string, unknown[]>;

    beforeAll(async () => {
      const source = make('SQLite');
      const store = await openStore({ database: source, serverId: 'one', log: silentLog });
      await fill(store);
      await store.close();
      const good = join(folder, `${made++}.backup`);
      await backupDatabase({ database: source, file: good });
      backup = readFileSync(good);
      used = make(kind);
      const other = await openStore({ database: used, serverId: 'one', log: silentLog });
      await other.leases.commit(alone(lease('10.9.9.9')));
      await other.close();
      before = await contentsOf(used);
    });

    it('a backup goes in place of what is there only where that is asked for', async () => {
      writeFileSync(file, backup);
      const database = make(kind);
      const first = await openStore({ database, serverId: 'one', log: silentLog });
      await first.leases.commit(alone(lease('10.9.9.9')));
      await first.close();
      await expect(restoreDatabase({ database, file })).rejects.toMatchObject({
        code: 'store-not-empty',
        message: expect.stringContaining('its table lease has rows already') as string,
      });
      await restoreDatabase({ database, file, replace: true });
      const store = await openStore({ database, serverId: 'one', log: silentLog });
      const leases = await store.leases.load();
      await store.close();
      expect(leases.map(({ address }) => address)).toEqual(['10.0.0.1']);
    });

    it.each([
      ['cut off in the middle', () => backup.subarray(0, backup.length / 2), /end of file/],
      ['cut off by one byte', () => backup.subarray(0, -1), /end of file/],
      ['empty', () => Buffer.alloc(0), /it is empty|end of file/],
      ['with one bit flipped', () => flipped(backup), /.+/],
      ['not compressed', () => Buffer.from('{}'), /incorrect header/],
      ['without its last line', () => edited(backup, (lines) => lines.slice(0, -1)), /it ends too early/],
      ['with its last line cut off', () => edited(backup, (lines) => lines, ''), /its last line is cut off/],
      ['without one row', () => edited(backup, (lines) => lines.toSpliced(-10, 1)), /its sum is wrong/],
      [
        'with a changed row',
        () => edited(backup, (lines) => lines.map((line) => line.replace('10.0.0.1', '10.0.0.2'))),
        /its sum is wrong/,
      ],
      ['of something else', () => gzipSync('{"format":"other"}\n{}\n'), /it is no backup of virtdom/],
      ['of another form', () => gzipSync('{"format":"virtdom-backup","version":2}\n{}\n'), /a newer virtdom wrote it/],
      [
        'of an unknown table',
        () => edited(backup, (lines) => [lines[0] ?? '', '{"table":"pg_class","columns":["a"]}', '[1]', '{}']),
        /a table pg_class/,
      ],
      [
        'with a column too many',
        () => edited(backup, (lines) => lines.map((line) => line.replace('["address",', '["x","address",'))),
        /other columns/,
      ],
    ])('a backup %s is refused, and changes nothing', async (_, bytes, message) => {
      writeFileSync(file, bytes());
      await expect(restoreDatabase({ database: used, file, replace: true })).rejects.toMatchObject({
        code: 'backup-broken',
        message: expect.stringMatching(message) as string,
      });
      expect(await contentsOf(used)).toEqual(before);
    });

    it('a backup of a newer program is refused, and changes nothing', async () => {
      writeFileSync(
        file,
        edited(backup, (lines) => lines.map((line) => line.replace('"0003-manager"', '"0003-manager","9999-future"'))),
      );
      await expect(restoreDatabase({ database: used, file, replace: true })).rejects.toMatchObject({
        code: 'store-newer',
        message: expect.stringContaining('this backup was made by a newer virtdom: it has 9999-future') as string,
      });
      expect(await contentsOf(used)).toEqual(before);
    });

    it('a restore that is killed with SIGKILL leaves what was there', async () => {
      writeFileSync(file, backup);
      for (const rows of [1000, 2000]) {
        const child = spawn(process.execPath, [join(import.meta.dirname, 'restoring-process.ts'), used, file, String(rows)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        await once(child.stdout, 'data');
        child.kill('SIGKILL');
        await once(child, 'exit');
        expect(await contentsOf(used)).toEqual(before);
      }
      const store = await openStore({ database: used, serverId: 'one', log: silentLog });
      const leases = await store.leases.load();
      await store.close();
      expect(leases.map(({ address }) => address)).toEqual(['10.9.9.9']);
    });
  });

  it('refuse a restore while a server is connected', async () => {
    const database = make('PostgreSQL');
    const store = await openStore({ database, serverId: 'one', log: silentLog });
    await backupDatabase({ database, file });
    await expect(restoreDatabase({ database, file, replace: true })).rejects.toMatchObject({
      code: 'store-in-use',
      message: expect.stringContaining('a virtdom on this machine: stop every virtdom') as string,
    });
    await store.close();
  });

  it('leave no half file, and an older backup as it was, where the disk or the database fails', async () => {
    const database = make('SQLite');
    writeFileSync(file, 'older');
    await expect(backupDatabase({ database, file })).rejects.toMatchObject({ code: 'store-open' });
    await expect(backupDatabase({ database: join(folder, 'no/such.db'), file: join(folder, 'no/such') })).rejects.toThrow('no/such');
    expect(readFileSync(file, 'utf8')).toBe('older');
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([]);
  });
});

/** The whole content, to compare. */
async function contentsOf(database: string): Promise<Record<string, unknown[]>> {
  const engine = openEngine(database, 'backup');
  const contents: Record<string, unknown[]> = {};
  await engine.snapshot(async (transaction) => {
    for (const table of backupTables) {
      const rows: string[] = [];
      for await (const row of engine.rows(transaction, table)) rows.push(JSON.stringify(row, Object.keys(row).sort()));
      contents[table] = rows.toSorted();
    }
  });
  await engine.close();
  return contents;
}

async function fill(store: Awaited<ReturnType<typeof openStore>>): Promise<void> {
  await store.leases.commit(alone(lease('10.0.0.1', { hostName: 'post01' })));
  await store.attempts.save(attempt('a'));
  const document = { kind: 'Machine', name: 'post01', nics: [{ mac: '52:54:00:00:00:01' }], text: 'Grüße\n"x" \u2028 🖥' } as const;
  await store.objects.commit([{ kind: 'Machine', name: 'post01', revision: 0, document }], 'anna', grantedMs);
  const user = { name: 'anna', role: 'admin', passwordHash: 'x', disabled: false, createdMs: 1, updatedMs: 1 } as const;
  await store.accounts.addUser(user);
  await store.accounts.addSession({ idHash: '00', user: 'anna', createdMs: 1, lastSeenMs: 1, expiresMs: grantedMs });
  await store.events.append(Array.from({ length: manyEvents }, (_, i) => ({ atMs: i, kind: 'a.b', severity: 'info', detail: { i } })));
}

async function insertOldAttempt(database: Kysely<unknown>): Promise<void> {
  const { machine, ...more } = attempt('old');
  await (database as Kysely<Record<string, Record<string, unknown>>>)
    .insertInto('boot_attempt')
    .values({
      id: 'old',
      machine: machine.name,
      mac: more.mac,
      image: null,
      state: 'running',
      opened_ms: more.openedMs,
      last_seen_ms: more.lastSeenMs,
      document: JSON.stringify({ ...more, machine, state: 'running' }),
    })
    .execute();
}

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  const middle = Math.floor(bytes.length / 2);
  changed[middle] = (changed[middle] ?? 0) ^ 1;
  return changed;
}

function edited(backup: Buffer, edit: (lines: string[]) => string[], end = '\n'): Buffer {
  const lines = gunzipSync(backup).toString().trimEnd().split('\n');
  return gzipSync(edit(lines).join('\n') + end);
}
