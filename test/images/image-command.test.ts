import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { addImageCommands } from '../../src/cli/image.ts';
import { runProgram } from '../../src/cli/program.ts';
import { textProgress } from '../../src/images/progress.ts';
import { publish } from './published-image.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

async function image(...words: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const terminal = { out: (text: string) => void (out += text), error: (text: string) => void (error += text) };
  const code = await runProgram({ image: () => Promise.resolve(addImageCommands) }, '1', ['image', ...words], { terminal });
  return { code, out, error };
}

async function stateWithTwo(): Promise<string> {
  const state = scratchFolder();
  await publish(join(state, 'images'), writeTree(scratchFolder(), { 'usr/a': '1' }));
  await publish(join(state, 'images'), writeTree(scratchFolder(), { 'usr/a': '2' }));
  return state;
}

it('lists as table, names and JSON, data on standard output alone', async () => {
  const state = await stateWithTwo();
  expect(await image('list', '--state-dir', state, '-o', 'name')).toEqual({ code: 0, out: 'dom0@1\ndom0@2\n', error: '' });
  expect((await image('list', '--state-dir', state)).out).toMatch(/^IMAGE +BUILT \(UTC\).*\ndom0@1 /);
  expect(JSON.parse((await image('list', '--state-dir', state, '-o', 'json')).out)).toMatchObject([
    { ref: 'dom0@1', version: 1 },
    { ref: 'dom0@2', version: 2 },
  ]);
});

it('says what there is when an image is unknown, with exit code 3', async () => {
  const state = await stateWithTwo();
  expect(await image('verify', 'gateway', '--state-dir', state)).toEqual({
    code: 3,
    out: '',
    error: 'virtdom: there is no image gateway; there are: dom0@1, dom0@2\n',
  });
});

it('deletes an old version, and refuses the newest with exit code 4', async () => {
  const state = await stateWithTwo();
  expect((await image('delete', 'dom0@2', '--unused', '--state-dir', state)).code).toBe(4);
  expect((await image('delete', 'dom0@1', '--state-dir', state)).code).toBe(2);
  expect((await image('delete', 'dom0@1', '--unused', '--state-dir', state)).code).toBe(0);
  expect((await image('list', '--state-dir', state, '-o', 'name')).out).toBe('dom0@2\n');
});

it('verifies the newest version, and prints the digest of a folder', async () => {
  const state = await stateWithTwo();
  expect(await image('verify', 'dom0', '--state-dir', state)).toMatchObject({ code: 0, out: '' });
  expect((await image('digest', 'dom0@1', '--state-dir', state)).out).toMatch(/^\/usr files=1 sha256=[0-9a-f]{64}\n$/);
});

it('reports each mistake of a recipe on a line of its own, with exit code 1', async () => {
  const recipe = join(writeTree(scratchFolder(), { 'r.yaml': 'image: X\nsuite: 7\n' }), 'r.yaml');
  const { code, error } = await image('build', recipe, '--state-dir', scratchFolder());
  expect(code).toBe(1);
  expect(error.split('\n').filter((line) => line.includes(`${recipe}:`))).toHaveLength(3);
});

it('a dry run says what would be done and does nothing', async () => {
  vi.stubEnv('VIRTDOM_MIRROR', 'http://mirror.example/debian');
  onTestFinished(() => void vi.unstubAllEnvs());
  const state = scratchFolder();
  const { code, out } = await image('build', 'dom0', '--dry-run', '--state-dir', state);
  expect(out).toMatch(/^make {2}\d+ packages of trixie, from http:\/\/mirror\.example\/debian$/m);
  expect({ code, last: out.trimEnd().split('\n').at(-1) }).toEqual({ code: 0, last: 'publish as dom0@1' });
  expect((await image('list', '--state-dir', state, '-o', 'name')).out).toBe('');
});

it('progress: one line when a stage begins, lines while it lasts, one when it ends, also when it fails', async () => {
  const lines: string[] = [];
  const progress = textProgress((text) => lines.push(text), 20);
  await progress.stage('slow', async (note) => {
    note('half');
    await new Promise((resume) => void setTimeout(resume, 70));
  });
  expect(lines[0]).toMatch(/^\[ +\d+\.\d s\] slow \.\.\.\n$/);
  expect(lines[1]).toMatch(/slow: still at it after .*, half\n$/);
  expect(lines.at(-1)).toMatch(/slow: done in \d+\.\d s\n$/);
  await expect(progress.stage('bad', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  const count = lines.length;
  await new Promise((resume) => void setTimeout(resume, 60));
  expect(lines).toHaveLength(count);
});
