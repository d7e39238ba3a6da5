import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { type CpioEntry, cpioPadding, encodeCpioHeader, encodeCpioTrailer } from './cpio.ts';
import { ImageError } from './image-error.ts';
import { pathInRoot } from './root-tree.ts';
import { type ScannedEntry, scanTree } from './scan-tree.ts';

/** Where the packed root lies in the root itself, so that a machine that mounts the image finds it too. */
export const packedRoot = '/boot/initrd.gz';
/** Raised when the same root is packed another way than before. */
export const packRevision = 1;

/**
 * Packs a root as the initramfs that a guest unpacks into its memory and runs from: all but /boot, which the kernel has
 * behind it by then. Compressed by zstd, which Linux tells by its first bytes whatever the name: half as long to unpack as
 * gzip, and Xen hands it on as it is, where it would unpack gzip into the guest's memory beside the copy that counts.
 * The same root gives the same bytes. Throws ImageError where the root has no /init, which would be the kernel's end.
 */
export async function packInitramfs(root: string): Promise<{ readonly bytes: number; readonly unpackedBytes: number }> {
  const entries = scanTree(root).filter(({ path }) => path !== '/boot' && !path.startsWith('/boot/'));
  const init = entries.find(({ path }) => path === '/init');
  if (init === undefined || (init.kind === 'file' && (init.mode & 0o111) === 0))
    throw new ImageError('unusable-tree', 'packaging: initramfs needs an executable /init in the root: add it by an overlay');
  const target = pathInRoot(root, packedRoot);
  const zstd = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 0 } });
  await pipeline(Readable.from(archive(entries)), zstd, createWriteStream(target, { mode: 0o644 }));
  const packed = await open(target);
  try {
    const unpackedBytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0);
    return { bytes: (await packed.stat()).size, unpackedBytes };
  } finally {
    await packed.close();
  }
}

async function* archive(entries: readonly ScannedEntry[]): AsyncGenerator<Uint8Array> {
  const names = namesOfFiles(entries);
  let inode = 0;
  for (const entry of entries) {
    inode++;
    const shared = names.get(entry.kind === 'link' ? entry.to : entry.path);
    if (shared === undefined) yield* single(entry, inode);
    else yield* oneOfSeveral(entry, shared);
  }
  yield encodeCpioTrailer();
}

interface SharedFile {
  readonly file: Extract<ScannedEntry, { kind: 'file' }>;
  readonly inode: number;
  readonly names: number;
  /** The one that the content stands by. */
  readonly last: string;
}

/** The files that have more than one name, by their first one. */
function namesOfFiles(entries: readonly ScannedEntry[]): ReadonlyMap<string, SharedFile> {
  const links = Map.groupBy(
    entries.filter((entry) => entry.kind === 'link'),
    (entry) => entry.to,
  );
  const shared = new Map<string, SharedFile>();
  for (const [index, entry] of entries.entries()) {
    const others = entry.kind === 'file' ? links.get(entry.path) : undefined;
    const last = others?.at(-1);
    if (entry.kind === 'file' && others !== undefined && last !== undefined)
      shared.set(entry.path, { file: entry, inode: index + 1, names: others.length + 1, last: last.path });
  }
  return shared;
}

async function* single(entry: ScannedEntry, inode: number): AsyncGenerator<Uint8Array> {
  if (entry.kind === 'link') throw new ImageError('unusable-tree', `${entry.path} is another name of ${entry.to}, which is not packed`);
  const { kind } = entry;
  const facts = { ...factsOf(entry), kind, inode, names: kind === 'folder' ? 2 : 1 };
  if (kind === 'file') {
    yield encodeCpioHeader({ ...facts, size: entry.size });
    yield* content(entry.from, entry.size);
  } else if (kind === 'symlink') {
    const target = Buffer.from(entry.target);
    yield encodeCpioHeader({ ...facts, size: target.length });
    yield Buffer.concat([target, cpioPadding(target.length)]);
  } else if (kind === 'character' || kind === 'block') {
    yield encodeCpioHeader({ ...facts, size: 0, major: entry.major, minor: entry.minor });
  } else yield encodeCpioHeader({ ...facts, size: 0 });
}

async function* oneOfSeveral(entry: ScannedEntry, { file, inode, names, last }: SharedFile): AsyncGenerator<Uint8Array> {
  const size = entry.path === last ? file.size : 0;
  yield encodeCpioHeader({ ...factsOf(file), name: nameOf(entry), kind: 'file', inode, names, size });
  if (size > 0) yield* content(file.from, size);
}

/** Times are left out: they say when it was built, and nothing of what. */
function factsOf(entry: ScannedEntry): Pick<CpioEntry, 'name' | 'mode' | 'uid' | 'gid' | 'mtimeSeconds'> {
  return { name: nameOf(entry), mode: entry.mode, uid: entry.uid, gid: entry.gid, mtimeSeconds: 0 };
}

function nameOf({ path }: ScannedEntry): string {
  return path === '/' ? '.' : path.slice(1);
}

async function* content(file: string, size: number): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) {
    read += (piece as Buffer).length;
    yield piece as Buffer;
  }
  if (read !== size) throw new ImageError('unusable-tree', `${file} changed while it was packed`);
  yield cpioPadding(size);
}
