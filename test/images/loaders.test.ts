import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildLoaders } from '../../src/images/loaders.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtdom-loaders-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('names the package to install where GRUB is not there', async () => {
  const sources = { grubModules: join(folder, 'no-grub'), ipxe: join(folder, 'no-ipxe') };
  await expect(buildLoaders(join(folder, 'loaders'), sources)).rejects.toThrow('apt-get install grub-pc-bin');
  expect(readdirSync(folder)).toEqual([]);
});

it("makes images of this system's GRUB that fit a PXE ROM, once", { timeout: 30_000 }, async () => {
  const dir = join(folder, 'loaders');
  const build = await buildLoaders(dir);
  expect(build.files).toContain('pxegrub');
  expect(build.notes.filter((note) => note.includes('repaired'))).toEqual([]);
  // A PXE ROM loads below 640 KiB, where GRUB's image must leave room.
  expect(statSync(join(dir, 'pxegrub')).size).toBeLessThan(400 * 1024);
  // Another user's server reads it.
  expect(statSync(dir).mode & 0o055).toBe(0o055);
  expect(readFileSync(join(dir, 'grub/i386-pc/legacycfg.mod'), 'latin1')).toContain('\0tftpserver\0');
  expect(readdirSync(folder)).toEqual(['loaders']);

  const before = statSync(join(dir, 'pxegrub')).mtimeMs;
  expect(await buildLoaders(dir)).toEqual(build);
  expect(statSync(join(dir, 'pxegrub')).mtimeMs).toBe(before);
});

it('replaces the whole folder when what it is made of has changed', { timeout: 30_000 }, async () => {
  const dir = join(folder, 'loaders');
  const { key } = await buildLoaders(dir);
  writeFileSync(join(dir, '.build.json'), JSON.stringify({ key: 'of another GRUB', files: [], notes: [], grubVersion: '' }));
  writeFileSync(join(dir, 'stray'), '');
  expect((await buildLoaders(dir)).key).toBe(key);
  expect(readdirSync(dir)).not.toContain('stray');
  expect(readdirSync(folder)).toEqual(['loaders']);
});
