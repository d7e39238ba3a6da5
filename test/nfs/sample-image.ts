import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileImageIndex } from '../../src/model/compile-image-index.ts';
import { ImageIndex } from '../../src/model/image-index.ts';
import type { ImageManifest, ManifestEntry } from '../../src/model/image-manifest.ts';
import { shareSeal } from '../../src/model/image-seal.ts';
import { parseCidr, type Cidr } from '../../src/model/ipv4.ts';
import type { SharedImage } from '../../src/nfs/export-table.ts';

const facts = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 5 };

/** Contents by path: a small one, an empty one, one of several cache blocks, one that only its owner may read. */
export const contents: Readonly<Record<string, Buffer>> = {
  '/etc/hostname': Buffer.from('post01\n'),
  '/etc/empty': Buffer.alloc(0),
  '/usr/big': Buffer.from(Array.from({ length: 300_001 }, (_, position) => (position * 7 + (position >> 8)) & 255)),
  '/etc/secret': Buffer.from('only root reads this\n'),
};

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function file(path: string, mode = 0o644): ManifestEntry {
  const bytes = contents[path] ?? Buffer.alloc(0);
  return { ...facts, mode, path, kind: 'file', size: bytes.length, sha256: sha256(bytes) };
}

/** One entry of each kind, a hard link, a folder of 300 names, a name with a byte that is no UTF-8. */
export const sampleEntries: readonly ManifestEntry[] = [
  { ...facts, path: '/', kind: 'folder' },
  { ...facts, path: '/dev', kind: 'folder' },
  { ...facts, mode: 0o660, gid: 6, path: '/dev/sda', kind: 'block', major: 8, minor: 1 },
  { ...facts, mode: 0o666, path: '/dev/null', kind: 'character', major: 1, minor: 3 },
  { ...facts, mode: 0o600, path: '/dev/initctl', kind: 'fifo' },
  { ...facts, mode: 0o666, path: '/dev/log', kind: 'socket' },
  { ...facts, path: '/etc', kind: 'folder' },
  file('/etc/hostname'),
  file('/etc/empty'),
  file('/etc/secret', 0o600),
  { ...facts, mode: 0o777, path: '/etc/mtab', kind: 'symlink', target: '../proc/self/mounts' },
  { ...facts, path: '/usr', kind: 'folder' },
  file('/usr/big'),
  { ...facts, path: '/usr/big2', kind: 'link', to: '/usr/big' },
  { ...facts, path: '/usr/\udcff', kind: 'folder' },
  { ...facts, mode: 0o700, path: '/root', kind: 'folder' },
  { ...facts, path: '/many', kind: 'folder' },
  ...Array.from({ length: 300 }, (_, number) => ({ ...file('/etc/empty'), path: `/many/name-${number}` })),
];

export function sampleManifest(version = 3, entries = sampleEntries): ImageManifest {
  return {
    image: 'dom0',
    version,
    bootFiles: [],
    writablePaths: [],
    recipeSha256: '0'.repeat(64),
    builtMs: 0,
    entries,
  };
}

export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new RangeError(`not a network: ${text}`);
  return parsed;
}

/** Writes the blobs below `dir` and seals them, as publishing does. */
export function sampleImage(dir: string, readers: readonly string[], version = 3, entries = sampleEntries): Required<SharedImage> {
  const blobDir = join(dir, 'blobs');
  const seal: Record<string, { inode: number; mtimeNs: string }> = {};
  for (const bytes of Object.values(contents)) {
    const digest = sha256(bytes);
    const path = blobFile(blobDir, digest);
    mkdirSync(join(blobDir, digest.slice(0, 2)), { recursive: true });
    writeFileSync(path, bytes);
    chmodSync(path, 0o444);
    const { ino, mtimeNs } = statSync(path, { bigint: true });
    seal[digest] = { inode: Number(ino), mtimeNs: String(mtimeNs) };
  }
  const index = compileImageIndex(sampleManifest(version, entries));
  return {
    ref: { image: 'dom0', version },
    contentId: sha256(Buffer.from(`dom0@${version}`)),
    index,
    blobDir,
    readers: readers.map(cidr),
    seals: shareSeal(new ImageIndex(index), seal),
  };
}

export function blobFile(blobDir: string, digest: string): string {
  return join(blobDir, digest.slice(0, 2), digest);
}
