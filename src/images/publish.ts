import { execFile } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ImageManifest, ImageRef, ManifestEntry } from '../model/image-manifest.ts';
import { formatManifest } from '../model/image-manifest-text.ts';
import type { ImageSeal } from '../model/image-seal.ts';
import { blobFolder, blobPath, manifestName, sealName, versionFolder } from './image-layout.ts';
import { ImageError } from './image-error.ts';
import { withImagesLock } from './images-lock.ts';
import { hashFile, scanTree } from './scan-tree.ts';

export interface Publication {
  /** The images folder of the state directory. */
  readonly images: string;
  readonly image: string;
  /** The finished root. It is read, never changed. */
  readonly root: string;
  /** Names to files on disk. */
  readonly bootFiles: Readonly<Record<string, string>>;
  readonly writablePaths: readonly string[];
  readonly recipeSha256: string;
  readonly builtMs: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (line: string) => void;
  /** Told before each step; tests die there. */
  readonly onStep?: (step: PublishStep) => void;
}

export type PublishStep =
  | 'write-blobs'
  | 'sync-blobs'
  | 'name-blobs'
  | 'write-manifest'
  | 'sync-manifest'
  | 'rename-version'
  | 'sync-version';

/**
 * Makes a folder the next version of an image. Contents are on disk before they get their names, and manifest and seal
 * before the version gets its number: whenever this dies, the version is either not there or whole. What an earlier
 * death left lying is removed.
 */
export function publishTree(publication: Publication): Promise<ImageRef> {
  return withImagesLock(
    publication.images,
    () => publishLocked(publication),
    () => publication.onProgress?.('waiting for another publish or delete to end'),
  );
}

async function publishLocked(publication: Publication): Promise<ImageRef> {
  const { images, image, onStep = () => {} } = publication;
  mkdirSync(join(images, image), { recursive: true });
  mkdirSync(blobFolder(images), { recursive: true });
  removeLeftovers(images);
  const staging = join(images, '.new-blobs');
  mkdirSync(staging);

  onStep('write-blobs');
  const store = new BlobStaging(images, staging);
  const entries: ManifestEntry[] = [];
  let files = 0;
  for (const scanned of scanTree(publication.root)) {
    if (scanned.kind !== 'file') {
      entries.push(scanned);
      continue;
    }
    const { from, ...entry } = scanned;
    const { sha256, size } = store.add(from);
    if (size !== entry.size)
      throw new ImageError('unusable-tree', `${from} changed while it was read: publish a root that nobody writes to`);
    entries.push({ ...entry, sha256 });
    if (++files % 100 === 0) {
      publication.onProgress?.(`${files} files`);
      await breathe();
      publication.signal?.throwIfAborted();
    }
  }
  const bootFiles = Object.entries(publication.bootFiles).map(([name, file]) => {
    const { sha256, size } = store.add(file);
    return { name, size, sha256 };
  });

  onStep('sync-blobs');
  await syncFileSystem(staging);
  onStep('name-blobs');
  store.name();
  await syncFileSystem(blobFolder(images));

  const { writablePaths, recipeSha256, builtMs } = publication;
  const ref = { image, version: nextVersion(images, image) };
  const manifest: ImageManifest = { ...ref, bootFiles, writablePaths, recipeSha256, builtMs, entries };
  onStep('write-manifest');
  const unfinished = join(images, image, `.new-${ref.version}`);
  mkdirSync(unfinished);
  writeSynced(join(unfinished, manifestName), formatManifest(manifest));
  writeSynced(join(unfinished, sealName), `${JSON.stringify(store.seal(), null, 1)}\n`);
  onStep('sync-manifest');
  syncFolder(unfinished);
  onStep('rename-version');
  renameSync(unfinished, versionFolder(images, ref));
  onStep('sync-version');
  syncFolder(join(images, image));
  syncFolder(images);
  rmSync(staging, { recursive: true });
  return ref;
}

/** Contents on their way into the blob folder. */
class BlobStaging {
  readonly #images: string;
  readonly #staging: string;
  readonly #known = new Map<string, number>();
  readonly #staged = new Set<string>();

  constructor(images: string, staging: string) {
    this.#images = images;
    this.#staging = staging;
  }

  /** Reads a file and keeps a copy where its content is new. */
  add(file: string): { readonly sha256: string; readonly size: number } {
    const temporary = join(this.#staging, 'incoming');
    const descriptor = openSync(temporary, 'w', 0o444);
    let result: { readonly sha256: string; readonly size: number };
    try {
      result = hashFile(file, (piece) => writeWhole(descriptor, piece));
    } finally {
      closeSync(descriptor);
    }
    const { sha256, size } = result;
    if (!this.#known.has(sha256)) {
      this.#known.set(sha256, size);
      const existing = statSync(blobPath(this.#images, sha256), { throwIfNoEntry: false });
      // A blob of the wrong size was damaged: the good copy takes its place.
      if (existing?.size !== size) {
        chmodSync(temporary, 0o444);
        renameSync(temporary, join(this.#staging, sha256));
        this.#staged.add(sha256);
      }
    }
    return result;
  }

  name(): void {
    for (const sha256 of this.#staged) {
      const target = blobPath(this.#images, sha256);
      mkdirSync(join(target, '..'), { recursive: true });
      renameSync(join(this.#staging, sha256), target);
    }
  }

  seal(): ImageSeal {
    return Object.fromEntries(
      [...this.#known.keys()].sort().map((sha256) => {
        const { ino, mtimeNs } = statSync(blobPath(this.#images, sha256), { bigint: true });
        return [sha256, { inode: Number(ino), mtimeNs: String(mtimeNs) }];
      }),
    );
  }
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}

/** Under the lock, everything unfinished belongs to a process that died. */
function removeLeftovers(images: string): void {
  for (const name of readdirSync(images)) {
    if (name.startsWith('.new-')) rmSync(join(images, name), { recursive: true });
    else if (!name.startsWith('.') && name !== 'blobs') {
      for (const inner of readdirSync(join(images, name)))
        if (/^\.(new|deleted)-/.test(inner)) rmSync(join(images, name, inner), { recursive: true });
    }
  }
}

/** One more than the highest there ever was and still is: a number is never given to two contents at a time. */
function nextVersion(images: string, image: string): number {
  return (
    1 +
    Math.max(
      0,
      ...readdirSync(join(images, image))
        .filter((name) => /^[1-9]\d*$/.test(name))
        .map(Number),
    )
  );
}

function writeSynced(file: string, text: string): void {
  const descriptor = openSync(file, 'wx', 0o444);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** syncfs(2): thousands of files in one go. */
async function syncFileSystem(folder: string): Promise<void> {
  await promisify(execFile)('sync', ['--file-system', folder]);
}
