import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addBackupCommand, addRestoreCommand } from '../../src/cli/backup.ts';
import { runProgram } from '../../src/cli/program.ts';
import { silentLog } from '../../src/log.ts';
import { takeInstanceLock } from '../../src/service/instance-lock.ts';
import { openStore } from '../../src/store/store.ts';

let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'virtdom-backup-'));
  for (const name of ['old', 'new']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, `${name}.yaml`), `stateDir: ${name}\n`);
  }
  const store = await openStore({ database: join(folder, 'old/virtdom.db'), serverId: 'one', log: silentLog });
  const document = { kind: 'Profile', name: 'dom0' } as const;
  await store.objects.commit([{ kind: 'Profile', name: 'dom0', revision: 0, document }], 'test', 1);
  await store.close();
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(words: string, answers?: readonly string[]) {
  let out = '';
  let error = '';
  const left = [...(answers ?? [])];
  const terminal = {
    out: (text: string) => void (out += text),
    error: (text: string) => void (error += text),
    ...(answers !== undefined && { ask: () => Promise.resolve(left.shift()) }),
  };
  const table = { backup: () => Promise.resolve(addBackupCommand), restore: () => Promise.resolve(addRestoreCommand) };
  const [verb = '', config, ...options] = words.split(' ');
  const given = [verb, join(folder, 'backup'), '-c', join(folder, `${config}.yaml`), ...options];
  return { code: await runProgram(table, '0', given, { terminal }), out, error };
}

async function profilesOf(name: string): Promise<string[]> {
  const store = await openStore({ database: join(folder, name, 'virtdom.db'), serverId: 'one', log: silentLog });
  const { objects } = await store.objects.load();
  await store.close();
  return objects.map((object) => object.name);
}

it('writes a database into a file that only its owner reads, and fills another one from it', async () => {
  expect(await run('backup old')).toMatchObject({ code: 0, out: '', error: expect.stringMatching(/^\d+ rows written to /) });
  expect(statSync(join(folder, 'backup')).mode & 0o777).toBe(0o600);
  expect(await run('restore new', ['y'])).toMatchObject({ code: 0, error: expect.stringMatching(/^\d+ rows restored from /) });
  expect(await profilesOf('new')).toEqual(['dom0']);
});

it('blames the file, and not the database, where no backup can be written', async () => {
  const backup = join(folder, 'backup');
  rmSync(backup, { force: true });
  mkdirSync(join(backup, 'full'), { recursive: true });
  const { code, error } = await run('backup old');
  expect(code).toBe(1);
  expect(error).toContain(`virtdom: ${backup} cannot be written: `);
  expect(error).not.toContain('the database');
});

it('asks before it fills a database, and does nothing where nobody answers or the answer is no', async () => {
  await run('backup old');
  expect(await run('restore new')).toMatchObject({ code: 2, error: expect.stringContaining('Say --yes') });
  expect(await run('restore new', ['n'])).toMatchObject({ code: 1 });
  expect(existsSync(join(folder, 'new/virtdom.db'))).toBe(false);
});

it('replaces what is there only where that was said', async () => {
  await run('backup old');
  expect(await run('restore old --yes')).toMatchObject({ code: 1, error: expect.stringContaining('has rows already') });
  expect(await run('restore old --yes --replace')).toMatchObject({ code: 0 });
  expect(await profilesOf('old')).toEqual(['dom0']);
});

it('leaves the database of a running service alone, with 4', async () => {
  await run('backup old');
  const lock = takeInstanceLock(join(folder, 'new/virtdom.lock'));
  expect(await run('restore new --yes')).toMatchObject({ code: 4, error: expect.stringContaining('already works on') });
  lock.release();
});

it('says what is wrong with a file that is no backup', async () => {
  writeFileSync(join(folder, 'backup'), 'nonsense');
  expect(await run('restore new --yes')).toMatchObject({ code: 1, error: expect.stringContaining('cannot be restored') });
});
