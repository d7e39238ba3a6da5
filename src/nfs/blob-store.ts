import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** What a published blob's file looked like when it was sealed. Both are decimal numbers. */
export interface BlobSeal {
  readonly inode: bigint;
  readonly mtimeNs: bigint;
}

/** A blob on disk is not what was published: its bytes must not be served. */
export class BlobError extends Error {
  override readonly name = 'BlobError';
  /** `missing`, `wrong-size`, `wrong-seal`, `short-read`, `unreadable`. */
  readonly code: string;
  readonly file: string;

  constructor(code: string, file: string, problem: string, options?: ErrorOptions) {
    super(`${file} ${problem}`, options);
    this.code = code;
    this.file = file;
  }
}

interface Block {
  readonly blob: Blob;
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** One content-addressed file. */
export interface Blob {
  readonly file: string;
  readonly size: number;
  readonly seal: BlobSeal | undefined;
  fd: number | undefined;
  readonly blocks: (Block | undefined)[];
}

/** Large enough that a READ of 1 MiB is a handful of buffers, small enough that a hot page does not drag a library in. */
const blockBytes = 128 * 1024;

/**
 * Reads blobs, keeping a bounded number of files open and a bounded number of hot blocks in memory. Reads are
 * synchronous, for they run in a worker thread: from the page cache that is eight times as fast as libuv's pool, and the
 * pool stays free for the rest of the process.
 */
export class BlobStore {
  readonly #maxOpenFiles: number;
  readonly #maxCacheBytes: number;
  /** Both in order of use, the longest unused first. */
  readonly #open = new Set<Blob>();
  readonly #hot = new Set<Block>();
  #cachedBytes = 0;

  constructor({ maxOpenFiles = 256, maxCacheBytes = 64 * 1024 * 1024 }: { maxOpenFiles?: number; maxCacheBytes?: number } = {}) {
    this.#maxOpenFiles = maxOpenFiles;
    this.#maxCacheBytes = maxCacheBytes;
  }

  get openFiles(): number {
    return this.#open.size;
  }

  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  /** A blob that nothing was read of yet. */
  static blob(blobDir: string, sha256: string, size: number, seal?: BlobSeal): Blob {
    return { file: join(blobDir, sha256.slice(0, 2), sha256), size, seal, fd: undefined, blocks: [] };
  }

  /**
   * `count` bytes from `offset`, which must lie within the blob, as views that never change.
   * @throws {@link BlobError} where the file is not the one that was published.
   */
  read(blob: Blob, offset: number, count: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    const end = offset + count;
    for (let at = offset; at < end;) {
      const number = Math.floor(at / blockBytes);
      const { bytes } = this.#block(blob, number);
      const start = at - number * blockBytes;
      const stop = Math.min(bytes.length, end - number * blockBytes);
      parts.push(start === 0 && stop === bytes.length ? bytes : bytes.subarray(start, stop));
      at += stop - start;
    }
    return parts;
  }

  /** Closes the files and forgets the blocks of blobs that are served no more. */
  forget(blobs: Iterable<Blob>): void {
    for (const blob of blobs) {
      this.#close(blob);
      for (const block of blob.blocks) if (block !== undefined) this.#drop(block);
    }
  }

  #block(blob: Blob, number: number): Block {
    const known = blob.blocks[number];
    if (known !== undefined) {
      this.#hot.delete(known);
      this.#hot.add(known);
      return known;
    }
    const bytes = this.#load(blob, number);
    const block = { blob, number, bytes };
    blob.blocks[number] = block;
    this.#hot.add(block);
    this.#cachedBytes += bytes.length;
    for (const oldest of this.#hot) {
      if (this.#cachedBytes <= this.#maxCacheBytes || oldest === block) break;
      this.#drop(oldest);
    }
    return block;
  }

  #load(blob: Blob, number: number): Uint8Array {
    const fd = this.#fd(blob);
    const at = number * blockBytes;
    const bytes = Buffer.allocUnsafeSlow(Math.min(blockBytes, blob.size - at));
    try {
      for (let have = 0; have < bytes.length;) {
        const got = readSync(fd, bytes, have, bytes.length - have, at + have);
        if (got === 0) throw new BlobError('short-read', blob.file, `ends at byte ${at + have}, ${blob.size} were published`);
        have += got;
      }
      // Checked after the read as well: the file may have been written to since it was opened.
      check(blob, fd);
    } catch (cause) {
      this.#close(blob);
      throw cause instanceof BlobError ? cause : new BlobError('unreadable', blob.file, 'cannot be read', { cause });
    }
    return bytes;
  }

  #fd(blob: Blob): number {
    if (blob.fd !== undefined) {
      this.#open.delete(blob);
      this.#open.add(blob);
      return blob.fd;
    }
    for (const oldest of this.#open) {
      if (this.#open.size < this.#maxOpenFiles) break;
      this.#close(oldest);
    }
    blob.fd = openBlob(blob);
    this.#open.add(blob);
    return blob.fd;
  }

  #close(blob: Blob): void {
    if (blob.fd === undefined) return;
    closeSync(blob.fd);
    blob.fd = undefined;
    this.#open.delete(blob);
  }

  #drop(block: Block): void {
    this.#hot.delete(block);
    this.#cachedBytes -= block.bytes.length;
    block.blob.blocks[block.number] = undefined;
  }
}

function openBlob(blob: Blob): number {
  let fd: number;
  try {
    fd = openSync(blob.file, 'r');
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new BlobError(isMissing ? 'missing' : 'unreadable', blob.file, isMissing ? 'is gone' : 'cannot be opened', { cause });
  }
  try {
    check(blob, fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

function check(blob: Blob, fd: number): void {
  const found = fstatSync(fd, { bigint: true });
  if (found.size !== BigInt(blob.size))
    throw new BlobError('wrong-size', blob.file, `has ${found.size} bytes, ${blob.size} were published: verify the image`);
  const { seal } = blob;
  if (seal !== undefined && (found.ino !== seal.inode || found.mtimeNs !== seal.mtimeNs))
    throw new BlobError('wrong-seal', blob.file, 'was replaced or written to since it was published: verify the image');
}
