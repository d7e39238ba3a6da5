import { open, type FileHandle } from 'node:fs/promises';
import type { BlockSource } from './block-source.ts';

export interface StaticFile {
  readonly file: string;
  readonly size: number;
  readonly etag: string;
}

interface OpenFile {
  readonly key: string;
  readonly size: number;
  readonly handle: Promise<FileHandle>;
  readers: number;
}

/**
 * Reads files in large pieces that all transfers share: a hundred machines that load one kernel cost one read of it and
 * one descriptor. The newest pieces stay in memory, also after the file was closed.
 */
export class FileChunks {
  readonly #chunkBytes: number;
  readonly #budget: number;
  readonly #files = new Map<string, OpenFile>();
  /** By file and number, least recently loaded first. */
  readonly #chunks = new Map<string, Uint8Array>();
  readonly #loading = new Map<string, Promise<void>>();
  readonly #closing = new Set<Promise<void>>();

  constructor({ chunkBytes = 256 * 1024, budgetBytes = 64 * 1024 * 1024 } = {}) {
    this.#chunkBytes = chunkBytes;
    this.#budget = Math.max(4, Math.floor(budgetBytes / chunkBytes));
  }

  /** Rejects where the file is not there or not of the size that was announced. */
  async open({ file, size, etag }: StaticFile): Promise<BlockSource> {
    const key = `${file}\0${etag}\0${size}`;
    let opened = this.#files.get(key);
    if (opened === undefined) {
      opened = { key, size, handle: openChecked(file, size), readers: 0 };
      this.#files.set(key, opened);
    }
    const shared = opened;
    shared.readers++;
    try {
      await shared.handle;
    } catch (error) {
      if (this.#files.get(key) === shared) this.#files.delete(key);
      throw error;
    }
    let closed = false;
    return {
      size,
      copy: (offset, into) => this.#copy(shared, offset, into),
      load: (offset, length) => this.#load(shared, offset, length),
      close: () => {
        if (closed) return;
        closed = true;
        this.#release(shared);
      },
    };
  }

  /** How many descriptors are open. */
  get openFiles(): number {
    return this.#files.size;
  }

  /** Resolves when every descriptor is closed that no transfer reads any more. */
  async close(): Promise<void> {
    this.#chunks.clear();
    await Promise.all(this.#closing);
  }

  #copy(file: OpenFile, offset: number, into: Uint8Array): boolean {
    for (let done = 0; done < into.length;) {
      const at = offset + done;
      const index = Math.floor(at / this.#chunkBytes);
      const chunk = this.#chunks.get(chunkKey(file, index));
      if (chunk === undefined) return false;
      const within = at - index * this.#chunkBytes;
      // The next piece is fetched while the second half of this one is sent.
      if (within > this.#chunkBytes / 2) this.#readAhead(file, index + 1);
      const part = chunk.subarray(within, within + into.length - done);
      into.set(part, done);
      done += part.length;
    }
    return true;
  }

  async #load(file: OpenFile, offset: number, length: number): Promise<void> {
    const last = Math.floor((offset + Math.max(length, 1) - 1) / this.#chunkBytes);
    const wanted: Promise<void>[] = [];
    for (let index = Math.floor(offset / this.#chunkBytes); index <= last; index++) wanted.push(this.#chunk(file, index));
    await Promise.all(wanted);
  }

  #readAhead(file: OpenFile, index: number): void {
    if (index * this.#chunkBytes >= file.size || this.#loading.has(chunkKey(file, index))) return;
    // A failure is reported when the transfer comes to need the piece: then the read is tried again.
    this.#chunk(file, index).catch(() => {});
  }

  #chunk(file: OpenFile, index: number): Promise<void> {
    const key = chunkKey(file, index);
    if (this.#chunks.has(key)) return Promise.resolve();
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      loading = this.#read(file, index, key).finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    return loading;
  }

  async #read(file: OpenFile, index: number, key: string): Promise<void> {
    file.readers++;
    try {
      const handle = await file.handle;
      const start = index * this.#chunkBytes;
      const chunk = Buffer.allocUnsafeSlow(Math.min(this.#chunkBytes, file.size - start));
      for (let done = 0; done < chunk.length;) {
        const { bytesRead } = await handle.read(chunk, done, chunk.length - done, start + done);
        if (bytesRead === 0) throw new Error(`the file became shorter than ${file.size} bytes while it was read`);
        done += bytesRead;
      }
      this.#chunks.set(key, chunk);
      for (const oldest of this.#chunks.keys()) {
        if (this.#chunks.size <= this.#budget) break;
        this.#chunks.delete(oldest);
      }
    } finally {
      this.#release(file);
    }
  }

  #release(file: OpenFile): void {
    file.readers--;
    if (file.readers > 0) return;
    if (this.#files.get(file.key) === file) this.#files.delete(file.key);
    // Nothing is lost when closing a descriptor that was only read fails.
    const closing = file.handle
      .then((handle) => handle.close())
      .catch(() => {})
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function chunkKey(file: OpenFile, index: number): string {
  return `${file.key}\0${index}`;
}

async function openChecked(file: string, size: number): Promise<FileHandle> {
  const handle = await open(file, 'r');
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error('not a regular file');
    if (stats.size !== size) throw new Error(`the file has ${stats.size} bytes, ${size} were announced`);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}
