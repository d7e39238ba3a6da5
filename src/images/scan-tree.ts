import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import type { ManifestEntry } from '../model/image-manifest.ts';
import { ImageError } from './image-error.ts';

/** A path as it is on disk, before its content was read. */
export type ScannedEntry =
  | Exclude<ManifestEntry, { kind: 'file' }>
  | (Omit<Extract<ManifestEntry, { kind: 'file' }>, 'sha256'> & { readonly from: string });

/**
 * Everything under a folder in the manifest's order: a folder before what it holds, names by their bytes. A file with
 * several names is a file the first time and a link after that. Throws ImageError for names that are not UTF-8 or hold
 * line ends: no client would show them right.
 */
export function scanTree(root: string): ScannedEntry[] {
  const entries: ScannedEntry[] = [];
  const firstNames = new Map<string, string>();
  const visit = (path: string): void => {
    const from = path === '/' ? root : join(root, path);
    const found = lstatSync(from, { bigint: true });
    const entry = scanned(path, from, found, firstNames);
    entries.push(entry);
    if (entry.kind !== 'folder') return;
    for (const name of namesByBytes(from)) visit(path === '/' ? `/${name}` : `${path}/${name}`);
  };
  visit('/');
  return entries;
}

function scanned(path: string, from: string, found: BigIntStats, firstNames: Map<string, string>): ScannedEntry {
  const facts = {
    path,
    mode: Number(found.mode & 0o7777n),
    uid: Number(found.uid),
    gid: Number(found.gid),
    mtimeSeconds: Number(found.mtimeNs / 1_000_000_000n),
    mtimeNanoseconds: Number(found.mtimeNs % 1_000_000_000n),
  };
  if (found.isDirectory()) return { ...facts, kind: 'folder' };
  if (found.isSymbolicLink()) return { ...facts, kind: 'symlink', target: readlinkSync(from) };
  if (found.isFIFO()) return { ...facts, kind: 'fifo' };
  if (found.isSocket()) return { ...facts, kind: 'socket' };
  if (found.isCharacterDevice()) return { ...facts, kind: 'character', ...deviceNumbers(found.rdev) };
  if (found.isBlockDevice()) return { ...facts, kind: 'block', ...deviceNumbers(found.rdev) };
  const inode = `${found.dev}:${found.ino}`;
  const first = firstNames.get(inode);
  if (first !== undefined) return { ...facts, kind: 'link', to: first };
  if (found.nlink > 1n) firstNames.set(inode, path);
  return { ...facts, kind: 'file', size: Number(found.size), from };
}

/** makedev(3): the numbers lie in pieces. */
function deviceNumbers(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffff_ff00n)),
  };
}

function namesByBytes(folder: string): string[] {
  return readdirSync(folder, { encoding: 'buffer' })
    .sort((a, b) => Buffer.compare(a, b))
    .map((bytes) => {
      const name = bytes.toString('utf8');
      if (!Buffer.from(name).equals(bytes) || /[\n\r]/.test(name)) {
        throw new ImageError('unusable-tree', `${folder} holds a name that is not UTF-8 or has line ends: ${JSON.stringify(name)}`);
      }
      return name;
    });
}

const chunk = Buffer.allocUnsafe(1 << 20);

/** The sha256 of a file's content; `onChunk` also gets each piece, which is overwritten afterwards. */
export function hashFile(file: string, onChunk?: (piece: Uint8Array) => void): { readonly sha256: string; readonly size: number } {
  const hash = createHash('sha256');
  const descriptor = openSync(file, 'r');
  let size = 0;
  try {
    for (;;) {
      const length = readSync(descriptor, chunk, 0, chunk.length, null);
      if (length === 0) return { sha256: hash.digest('hex'), size };
      const piece = chunk.subarray(0, length);
      hash.update(piece);
      onChunk?.(piece);
      size += length;
    }
  } finally {
    closeSync(descriptor);
  }
}
