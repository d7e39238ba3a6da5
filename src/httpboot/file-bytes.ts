import { open, type FileHandle } from 'node:fs/promises';
import type { BootFile } from '../model/boot-file.ts';

export type StaticFile = Extract<BootFile, { kind: 'static' }>;

const pieceBytes = 512 * 1024;
const maxCachedFileBytes = 1024 * 1024;
const cacheBudgetBytes = 32 * 1024 * 1024;

/** Reads static files: small ones whole, from memory when they were asked for before, large ones in pieces. */
export class FileBytes {
  readonly #cache = new Map<string, Buffer>();
  #cachedBytes = 0;

  /** The bytes from `first` to `last`, both inclusive. Rejects where the file is not of the size that was announced. */
  async *read(file: StaticFile, first: number, last: number): AsyncGenerator<Uint8Array> {
    if (file.size > maxCachedFileBytes) yield* pieces(file, first, last);
    else yield (await this.#whole(file)).subarray(first, last + 1);
  }

  async #whole(file: StaticFile): Promise<Buffer> {
    const key = `${file.file}\0${file.etag}\0${file.size}`;
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, cached);
      return cached;
    }
    await using handle = await openChecked(file);
    const bytes = Buffer.allocUnsafeSlow(file.size);
    await readFully(handle, bytes, 0, file);
    if (!this.#cache.has(key)) {
      this.#cache.set(key, bytes);
      this.#cachedBytes += bytes.length;
    }
    for (const [oldest, content] of this.#cache) {
      if (this.#cachedBytes <= cacheBudgetBytes) break;
      this.#cache.delete(oldest);
      this.#cachedBytes -= content.length;
    }
    return bytes;
  }
}

/** One read ahead of what is being sent. */
async function* pieces(file: StaticFile, first: number, last: number): AsyncGenerator<Uint8Array> {
  await using handle = await openChecked(file);
  const readPiece = async (position: number): Promise<Buffer> => {
    const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, last + 1 - position));
    await readFully(handle, piece, position, file);
    return piece;
  };
  let next: Promise<Buffer> | undefined = readPiece(first);
  try {
    for (let position = first; next !== undefined;) {
      const piece: Buffer = await next;
      position += piece.length;
      next = position <= last ? readPiece(position) : undefined;
      yield piece;
    }
  } finally {
    // A client that went away leaves a read under way, and the descriptor must outlive it.
    await next?.catch(() => {});
  }
}

async function openChecked(file: StaticFile): Promise<FileHandle> {
  const handle = await open(file.file, 'r');
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error('not a regular file');
    if (stats.size !== file.size) throw new Error(`the file has ${stats.size} bytes, ${file.size} were announced`);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readFully(handle: FileHandle, into: Buffer, position: number, file: StaticFile): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new Error(`the file became shorter than ${file.size} bytes while it was read`);
    done += bytesRead;
  }
}
