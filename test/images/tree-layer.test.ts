import { chmodSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashFile, scanTree } from '../../src/images/scan-tree.ts';
import { applyLayer, treeState, writeLayer } from '../../src/images/tree-layer.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

const first = {
  'etc/issue': 'hello',
  'etc/same': 'same',
  'usr/lib/a/deep/file': 'x',
  'usr/lib/b': 'b',
  'var/log/messages': 'm',
  'with blank\tand -dash': 'odd',
};

/** All that an image keeps of a tree. */
function whole(root: string): unknown[] {
  return scanTree(root)
    .filter(({ path }) => path !== '/')
    .map((entry) => [entry, entry.kind === 'file' ? hashFile(entry.from).sha256 : ''] as const)
    .map(([entry, content]) => JSON.stringify([entry, content]).replace(/"from":"[^"]*"/, ''));
}

async function made(change: (root: string) => void): Promise<{ root: string; copy: string; layer: string; changed: boolean }> {
  const work = scratchFolder();
  const options = { logFile: join(work, 'log') };
  const [root, copy, base, layer] = ['root', 'copy', 'base', 'layer'].map((name) => join(work, name)) as [string, string, string, string];
  for (const folder of [root, copy, base, layer]) mkdirSync(folder);
  writeTree(root, first);
  const before = await writeLayer(base, root, new Map(), options);
  await applyLayer(base, copy, options);
  change(root);
  const after = await writeLayer(layer, root, before, options);
  await applyLayer(layer, copy, options);
  return { root, copy, layer, changed: JSON.stringify([...after]) !== JSON.stringify([...before]) };
}

describe('what a stage does to a root, kept and done again to another', () => {
  it.each<[string, (root: string) => void]>([
    ['nothing', () => {}],
    ['a new file in a new folder', (root) => void writeTree(root, { 'srv/new/file': 'n' })],
    [
      'a file of the same size and time as before',
      (root) => {
        writeFileSync(join(root, 'etc/issue'), 'HELLO');
        utimesSync(join(root, 'etc/issue'), 1, 1);
      },
    ],
    ['a mode', (root) => chmodSync(join(root, 'etc/issue'), 0o4711)],
    ['a folder that goes with all it holds', (root) => rmSync(join(root, 'usr/lib/a'), { recursive: true })],
    ['a file that goes', (root) => rmSync(join(root, 'etc/same'))],
    [
      'a folder that moves and leaves a link',
      (root) => {
        mkdirSync(join(root, 'flash/var'), { recursive: true });
        renameSync(join(root, 'var/log'), join(root, 'flash/var/log'));
        symlinkSync('../flash/var/log', join(root, 'var/log'));
      },
    ],
    [
      'a file that becomes a folder',
      (root) => {
        rmSync(join(root, 'usr/lib/b'));
        writeTree(root, { 'usr/lib/b/inner': 'i' });
      },
    ],
    [
      'a link that becomes a file',
      (root) => {
        symlinkSync('issue', join(root, 'etc/link'));
        rmSync(join(root, 'etc/link'));
        writeFileSync(join(root, 'etc/link'), 'file');
      },
    ],
    ['one more name of a file', (root) => linkSync(join(root, 'etc/issue'), join(root, 'etc/other'))],
    [
      'a name less',
      (root) => {
        linkSync(join(root, 'etc/issue'), join(root, 'etc/other'));
        rmSync(join(root, 'etc/issue'));
      },
    ],
    ['a name with blanks and a dash', (root) => writeFileSync(join(root, 'with blank\tand -dash'), 'changed')],
    ['an empty folder', (root) => mkdirSync(join(root, 'mnt'), { mode: 0o700 })],
  ])('%s', async (name, change) => {
    const { root, copy, changed } = await made(change);
    expect(whole(copy)).toEqual(whole(root));
    expect(changed).toBe(name !== 'nothing');
  });

  it('holds only what has changed', async () => {
    const { layer, copy } = await made((root) => writeFileSync(join(root, 'etc/issue'), 'other'));
    rmSync(copy, { recursive: true });
    mkdirSync(copy);
    await applyLayer(layer, copy, { logFile: join(copy, '../log') });
    expect([...treeState(copy).keys()]).toEqual(['etc', 'etc/issue']);
    expect(existsSync(join(layer, 'changed'))).toBe(false);
  });
});
