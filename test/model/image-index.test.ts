import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileImageIndex, ImageIndexError } from '../../src/model/compile-image-index.ts';
import { ImageIndex, inodeKinds, rootInode } from '../../src/model/image-index.ts';
import type { ImageManifest, ManifestEntry } from '../../src/model/image-manifest.ts';
import { contents, sampleManifest, sha256 } from '../nfs/sample-image.ts';

const facts = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 5 };
const folder = (path: string): ManifestEntry => ({ ...facts, path, kind: 'folder' });
const file = (path: string): ManifestEntry => ({ ...facts, path, kind: 'file', size: 0, sha256: '0'.repeat(64) });

function manifestOf(entries: readonly ManifestEntry[]): ImageManifest {
  return { ...sampleManifest(), entries };
}

function indexOf(entries: readonly ManifestEntry[]): ImageIndex {
  return new ImageIndex(compileImageIndex(manifestOf(entries)));
}

function find(index: ImageIndex, path: string): number {
  let inode = rootInode;
  for (const name of path.split('/').slice(1)) inode = index.lookup(inode, Buffer.from(name));
  return inode;
}

describe('an image index', () => {
  const index = new ImageIndex(compileImageIndex(sampleManifest()));

  it('keeps every fact of every kind of entry', () => {
    const hostname = find(index, '/etc/hostname');
    expect({
      kind: index.kind(hostname),
      mode: index.mode(hostname),
      uid: index.uid(hostname),
      size: index.size(hostname),
      links: index.links(hostname),
      mtime: [index.mtimeSeconds(hostname), index.mtimeNanoseconds(hostname)],
      sha256: index.sha256(hostname),
    }).toEqual({
      kind: inodeKinds.file,
      mode: 0o644,
      uid: 0,
      size: 7,
      links: 1,
      mtime: [1_700_000_000, 5],
      sha256: sha256(contents['/etc/hostname'] ?? Buffer.alloc(0)),
    });
    const disk = find(index, '/dev/sda');
    expect([index.kind(disk), index.major(disk), index.minor(disk), index.gid(disk)]).toEqual([inodeKinds.block, 8, 1, 6]);
    expect(index.kind(find(index, '/dev/null'))).toBe(inodeKinds.character);
    expect(index.kind(find(index, '/dev/initctl'))).toBe(inodeKinds.fifo);
    expect(index.kind(find(index, '/dev/log'))).toBe(inodeKinds.socket);
    const mtab = find(index, '/etc/mtab');
    expect([index.kind(mtab), index.size(mtab), Buffer.from(index.target(mtab)).toString()]).toEqual([
      inodeKinds.symlink,
      19,
      '../proc/self/mounts',
    ]);
  });

  it('gives the names of a hard link one inode, and counts them', () => {
    const big = find(index, '/usr/big');
    expect(find(index, '/usr/big2')).toBe(big);
    expect(index.links(big)).toBe(2);
    expect(index.totalBytes).toBe(Object.values(contents).reduce((sum, bytes) => sum + bytes.length, 0));
  });

  it('counts the folders in a folder, and names each folder’s parent', () => {
    expect(index.links(rootInode)).toBe(2 + 5);
    expect(index.parent(find(index, '/usr'))).toBe(rootInode);
    expect(index.parent(rootInode)).toBe(rootInode);
  });

  it('sorts entries by bytes, not by UTF-16 units', () => {
    // U+FF5E is EF BD 9E, U+1F600 is F0 9F 98 80: in UTF-16 the second sorts first.
    const names = ['b', 'a', '\u{1f600}', '～', 'ab', 'B'];
    const sorted = indexOf([folder('/'), ...names.map((name) => file(`/${name}`))]);
    const listed = names.map((_, position) => Buffer.from(sorted.entryName(rootInode, position)).toString());
    expect(listed).toEqual(['B', 'a', 'ab', 'b', '～', '\u{1f600}']);
  });

  it('keeps a name that is no UTF-8 as its bytes', () => {
    expect(index.lookup(find(index, '/usr'), Buffer.of(0xff))).toBeGreaterThan(0);
  });

  it('finds nothing in a folder for a prefix or an extension of a name', () => {
    const etc = find(index, '/etc');
    for (const name of ['hostnam', 'hostnamex', '', 'zzz', '\0']) expect(index.lookup(etc, Buffer.from(name))).toBe(0);
  });

  it('finds every name of any folder, and no other (random names)', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => !/[/\0]/.test(text) && !/^\.\.?$/.test(text));
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 60 }), name, (names, other) => {
        const made = indexOf([folder('/'), ...names.map((text) => file(`/${text}`))]);
        expect(made.entryCount(rootInode)).toBe(names.length);
        for (const [position, text] of names.entries()) expect(made.lookup(rootInode, Buffer.from(text))).toBe(position + 2);
        expect(made.lookup(rootInode, Buffer.from(other))).toBe(names.includes(other) ? names.indexOf(other) + 2 : 0);
      }),
      { numRuns: 50 },
    );
  });

  it('gives the same inode numbers for the same manifest', () => {
    expect(Buffer.from(compileImageIndex(sampleManifest()))).toEqual(Buffer.from(compileImageIndex(sampleManifest())));
  });

  it.each([
    ['no root', [folder('/etc')], 'must be the root folder and stand first'],
    ['nothing', [], 'must be the root folder and stand first'],
    ['a path twice', [folder('/'), file('/a'), file('/a')], 'stands in the manifest twice'],
    ['a file before its folder', [folder('/'), file('/etc/a')], 'stands before its folder'],
    ['a file in a file', [folder('/'), file('/a'), file('/a/b')], 'stands before its folder'],
    ['a hard link to nothing', [folder('/'), { ...facts, path: '/a', kind: 'link', to: '/b' }], 'which is no earlier file'],
    ['a hard link to a folder', [folder('/'), { ...facts, path: '/a', kind: 'link', to: '/' }], 'which is no earlier file'],
    ['the name ..', [folder('/'), file('/..')], 'has a name that no folder can hold'],
    ['a name of 256 bytes', [folder('/'), file(`/${'x'.repeat(256)}`)], 'has a name that no folder can hold'],
    ['a file without a digest', [folder('/'), { ...facts, path: '/a', kind: 'file', size: 0, sha256: 'x' }], 'has no sha256'],
  ] satisfies [string, ManifestEntry[], string][])('refuses a manifest with %s', (_name, entries, problem) => {
    expect(() => compileImageIndex(manifestOf(entries))).toThrow(ImageIndexError);
    expect(() => compileImageIndex(manifestOf(entries))).toThrow(problem);
  });
});
