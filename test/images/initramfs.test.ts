import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type CpioEntry, cpioPadding, encodeCpioHeader, encodeCpioTrailer } from '../../src/images/cpio.ts';
import { packedRoot, packInitramfs } from '../../src/images/initramfs.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

const nobody = { uid: 0, gid: 0, mtimeSeconds: 1_200_000_000 };

describe('a header is what GNU cpio 2.13 writes (cpio -o -H newc --reproducible)', () => {
  const rows: readonly { name: string; text: string; entry: CpioEntry }[] = [
    {
      name: 'a folder',
      text: '07070100000001000041ED00000000000000000000000247868C0000000000000000000000000000000000000000000000000400000000etc\0\0\0',
      entry: { ...nobody, name: 'etc', kind: 'folder', mode: 0o755, inode: 1, names: 2, size: 0 },
    },
    {
      name: 'a file',
      text: '07070100000002000081A000000000000000000000000147868C0000000005000000000000000000000000000000000000000A00000000etc/issue\0',
      entry: { ...nobody, name: 'etc/issue', kind: 'file', mode: 0o640, inode: 2, names: 1, size: 5 },
    },
    {
      name: 'a link',
      text: '070701000000030000A1FF00000000000000000000000147868C0000000004000000000000000000000000000000000000000900000000etc/link\0\0',
      entry: { ...nobody, name: 'etc/link', kind: 'symlink', mode: 0o777, inode: 3, names: 1, size: 4 },
    },
    {
      name: 'a device',
      text: '07070100000004000021A400000000000000000000000147868C0000000000000000000000000000000001000000030000000500000000null\0\0',
      entry: { ...nobody, name: 'null', kind: 'character', mode: 0o644, inode: 4, names: 1, size: 0, major: 1, minor: 3 },
    },
  ];
  it.each(rows)('$name', ({ text, entry }) => {
    expect(encodeCpioHeader(entry).toString('latin1')).toBe(text);
  });

  it('and its trailer', () => {
    expect(encodeCpioTrailer().toString('latin1')).toBe(
      '07070100000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000B00000000TRAILER!!!\0\0\0\0',
    );
  });

  it.each([
    [0, 0],
    [1, 3],
    [3, 1],
    [4, 0],
  ])('a part of %i bytes is filled up with %i', (length, padding) => {
    expect(cpioPadding(length)).toEqual(Buffer.alloc(padding));
  });

  it('refuses a file of 4 GiB: the field has eight hexadecimal digits', () => {
    const entry: CpioEntry = { ...nobody, name: 'big', kind: 'file', mode: 0o644, inode: 1, names: 1, size: 2 ** 32 };
    expect(() => encodeCpioHeader(entry)).toThrow(/big: .* cannot hold the number 4294967296/);
  });
});

interface Unpacked {
  readonly name: string;
  readonly mode: string;
  readonly inode: number;
  readonly names: number;
  readonly mtime: number;
  readonly content: string;
}

const filled = (at: number): number => Math.ceil(at / 4) * 4;

/** As the kernel reads it (init/initramfs.c). */
function unpack(bytes: Buffer): Unpacked[] {
  const entries: Unpacked[] = [];
  const field = (at: number, index: number): number =>
    Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
  for (let at = 0; at < bytes.length;) {
    const nameEnd = at + 110 + field(at, 11);
    const begin = filled(nameEnd);
    const end = begin + field(at, 6);
    const name = bytes.toString('utf8', at + 110, nameEnd - 1);
    const [inode, names, mtime] = [field(at, 0), field(at, 4), field(at, 5)];
    entries.push({ name, mode: field(at, 1).toString(8), inode, names, mtime, content: bytes.toString('utf8', begin, end) });
    at = filled(end);
  }
  return entries;
}

async function packed(root: string): Promise<Unpacked[]> {
  await packInitramfs(root);
  return unpack(zstdDecompressSync(readFileSync(join(root, packedRoot))));
}

function rootWithInit(): string {
  const root = writeTree(scratchFolder(), { init: '#!/bin/sh\n', 'boot/vmlinuz': 'a kernel', 'etc/issue': 'hello' });
  chmodSync(join(root, 'init'), 0o755);
  return root;
}

describe('a root packed as an initramfs', () => {
  it('has every path but /boot, folders before what they hold, links and contents', async () => {
    const root = rootWithInit();
    symlinkSync('issue', join(root, 'etc/motd'));
    const entries = await packed(root);
    expect(entries.map(({ name }) => name)).toEqual(['.', 'etc', 'etc/issue', 'etc/motd', 'init', 'TRAILER!!!']);
    expect(entries.find(({ name }) => name === 'etc/issue')?.content).toBe('hello');
    expect(entries.find(({ name }) => name === 'etc/motd')).toMatchObject({ content: 'issue', mode: '120777' });
    expect(entries.find(({ name }) => name === 'init')).toMatchObject({ mode: '100755', names: 1 });
  });

  it('keeps the names of one file together, with the content by the last', async () => {
    const root = rootWithInit();
    for (const name of ['b', 'a']) linkSync(join(root, 'etc/issue'), join(root, name));
    const names = (await packed(root)).filter(({ names: count }) => count === 3);
    expect(names.map(({ name, content }) => [name, content])).toEqual([
      ['a', ''],
      ['b', ''],
      ['etc/issue', 'hello'],
    ]);
    expect(new Set(names.map(({ inode }) => inode)).size).toBe(1);
  });

  it('is the same bytes for the same root, whenever it was made', async () => {
    const one = rootWithInit();
    const other = rootWithInit();
    utimesSync(join(other, 'etc/issue'), 1, 1);
    await packInitramfs(one);
    await packInitramfs(other);
    await packInitramfs(other);
    expect(readFileSync(join(other, packedRoot))).toEqual(readFileSync(join(one, packedRoot)));
  });

  it.each([
    ['without /init', undefined],
    ['with an /init that nobody may run', 0o644],
  ])('%s is refused: its kernel would panic', async (_, mode) => {
    const root = scratchFolder();
    mkdirSync(join(root, 'boot'));
    if (mode !== undefined) writeFileSync(join(root, 'init'), '', { mode });
    await expect(packInitramfs(root)).rejects.toThrow(/needs an executable \/init in the root: add it by an overlay/);
  });
});
