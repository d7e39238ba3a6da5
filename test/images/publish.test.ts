import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PublishStep } from '../../src/images/publish.ts';
import { ImageRepository } from '../../src/images/repository.ts';
import { scanTree } from '../../src/images/scan-tree.ts';
import { verifyImage } from '../../src/images/verify.ts';
import { publish } from './published-image.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

describe('scanning a folder', () => {
  it('gives kinds, modes, times and targets, a folder before what it holds, names by their bytes', () => {
    const root = writeTree(scratchFolder(), { 'a/z': '123', 'a.b': '', ä: '', Z: '' });
    chmodSync(join(root, 'a/z'), 0o4755);
    utimesSync(join(root, 'a/z'), 1, 1_700_000_000.25);
    symlinkSync('../x y', join(root, 'a/link'));
    execFileSync('mkfifo', [join(root, 'a/pipe')]);
    const entries = scanTree(root);
    expect(entries.map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'folder /',
      'file /Z',
      'folder /a',
      'symlink /a/link',
      'fifo /a/pipe',
      'file /a/z',
      'file /a.b',
      'file /ä',
    ]);
    expect(entries[5]).toMatchObject({ mode: 0o4755, size: 3, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 250_000_000 });
    expect(entries[3]).toMatchObject({ target: '../x y' });
  });

  it('a second name of a file is a link to the first', () => {
    const root = writeTree(scratchFolder(), { b: 'same' });
    linkSync(join(root, 'b'), join(root, 'c'));
    linkSync(join(root, 'b'), join(root, 'a'));
    expect(scanTree(root).slice(1)).toMatchObject([
      { path: '/a', kind: 'file' },
      { path: '/b', kind: 'link', to: '/a' },
      { path: '/c', kind: 'link', to: '/a' },
    ]);
  });

  it('refuses names that are not UTF-8 or hold line ends', () => {
    const newline = scratchFolder();
    writeFileSync(join(newline, 'a\nb'), '');
    expect(() => scanTree(newline)).toThrow(/line ends/);
    const latin = scratchFolder();
    writeFileSync(Buffer.concat([Buffer.from(`${latin}/`), Buffer.from([0xe4])]), '');
    expect(() => scanTree(latin)).toThrow(/not UTF-8/);
  });
});

describe('publishing', () => {
  it('keeps each content once, read-only, named by its sha256, and numbers versions from 1', async () => {
    const images = scratchFolder();
    const root = writeTree(scratchFolder(), { x: 'same', 'd/y': 'same', z: 'other', 'boot/vmlinuz': 'kernel' });
    expect(await publish(images, root, 'dom0', ['vmlinuz'])).toEqual({ image: 'dom0', version: 1 });
    expect(await publish(images, root)).toEqual({ image: 'dom0', version: 2 });
    const blobs = readdirSync(join(images, 'blobs'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(blobs).toHaveLength(3);
    const sha256 = createHash('sha256').update('same').digest('hex');
    const blob = join(images, 'blobs', sha256.slice(0, 2), sha256);
    expect(readFileSync(blob, 'utf8')).toBe('same');
    expect(lstatSync(blob).mode & 0o777).toBe(0o444);
    const repository = await ImageRepository.open(images);
    const { manifest, contentId } = await repository.manifest({ image: 'dom0', version: 1 });
    expect(manifest.bootFiles).toEqual([{ name: 'vmlinuz', size: 6, sha256: createHash('sha256').update('kernel').digest('hex') }]);
    expect(contentId).toBe(
      createHash('sha256')
        .update(readFileSync(join(images, 'dom0/1/manifest.jsonl')))
        .digest('hex'),
    );
    expect(await repository.seal({ image: 'dom0', version: 1 })).toHaveProperty(sha256, {
      inode: lstatSync(blob).ino,
      mtimeNs: String(lstatSync(blob, { bigint: true }).mtimeNs),
    });
  });

  it('leaves the root as it was', async () => {
    const root = writeTree(scratchFolder(), { x: '1' });
    const before = scanTree(root);
    await publish(scratchFolder(), root);
    expect(scanTree(root)).toEqual(before);
  });

  it('puts a good content in the place of one that was cut short', async () => {
    const images = scratchFolder();
    const root = writeTree(scratchFolder(), { x: 'whole' });
    await publish(images, root);
    const sha256 = createHash('sha256').update('whole').digest('hex');
    const blob = join(images, 'blobs', sha256.slice(0, 2), sha256);
    chmodSync(blob, 0o644);
    writeFileSync(blob, 'who');
    const ref = await publish(images, root);
    expect(readFileSync(blob, 'utf8')).toBe('whole');
    expect(await verifyImage(await ImageRepository.open(images), ref)).toEqual([]);
  });

  it('two at a time take different numbers', async () => {
    const images = scratchFolder();
    const root = writeTree(scratchFolder(), { x: '1' });
    const refs = await Promise.all([publish(images, root), publish(images, root), publish(images, root)]);
    expect(refs.map(({ version }) => version).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  });
});

const steps: readonly PublishStep[] = [
  'write-blobs',
  'sync-blobs',
  'name-blobs',
  'write-manifest',
  'sync-manifest',
  'rename-version',
  'sync-version',
];

describe('a publish that is killed', () => {
  it.each(steps)('before %s leaves the old version or both, each whole, and the next one cleans up', async (step) => {
    const images = scratchFolder();
    await publish(images, writeTree(scratchFolder(), { a: 'old', b: 'both' }));
    const root = writeTree(scratchFolder(), { a: 'new', b: 'both', 'c/d': 'more' });
    const died = spawnSync(process.execPath, [join(import.meta.dirname, 'publish-and-die.ts'), images, root, step], { encoding: 'utf8' });
    expect({ signal: died.signal, stderr: died.stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });

    const repository = await ImageRepository.open(images);
    const versions = repository.list().map(({ ref }) => ref.version);
    expect(versions).toEqual(step === 'sync-version' ? [1, 2] : [1]);
    for (const { ref } of repository.list()) expect(await verifyImage(repository, ref)).toEqual([]);

    const next = await publish(images, root);
    expect(next.version).toBe(versions.length + 1);
    repository.refresh();
    expect(await verifyImage(repository, next)).toEqual([]);
    const left = readdirSync(images, { recursive: true }).map(String);
    expect(left.filter((name) => name.includes('.new-') || name.includes('incoming'))).toEqual([]);
  });
});

it('an empty folder called like a version is no version', async () => {
  const images = scratchFolder();
  mkdirSync(join(images, 'dom0/7'), { recursive: true });
  expect((await ImageRepository.open(images)).list()).toEqual([]);
  expect((await publish(images, scratchFolder())).version).toBe(8);
});
