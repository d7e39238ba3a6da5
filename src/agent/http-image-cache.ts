import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { ImageRoom } from './image-room.ts';
import type { Spared } from './image-room.ts';
import type { Failed, FetchedFiles, ImageCache, ImageFile } from './parts.ts';

export interface HttpImageCacheOptions {
  /** In RAM: `/flash/...`. */
  readonly dir: string;
  /** The boot HTTP server: `http://192.168.0.5:8080`. */
  readonly server: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Of all files together. */
  readonly maxBytes: number;
  readonly tries?: number;
  readonly pauseMs?: number;
  /** Without a byte for so long a download is broken off. */
  readonly idleMs?: number;
}

type Fetched = { readonly kind: 'done' } | (Failed & { readonly again: boolean });

/** Files that were fetched ahead of need are older than any that was used, and the newest of them goes first: what matters most came first. */
const aheadSeconds = 1_000_000;

const nothing: ReadonlySet<string> = new Set();

/**
 * Files by their sha256. A file gets its name only when size and sha256 are right, so whatever lies there is whole; who asks for one
 * that is under way waits for that download. What no domain is started from makes room for what one is, the longest unused first.
 */
export class HttpImageCache implements ImageCache {
  readonly #options: Required<HttpImageCacheOptions>;
  readonly #downloads = new Map<string, Promise<Fetched>>();
  readonly #room: ImageRoom;
  readonly #ahead = new Set<Promise<FetchedFiles>>();
  #aheadCount = 0;
  readonly server: string;

  constructor(options: HttpImageCacheOptions) {
    this.#options = { tries: 4, pauseMs: 1000, idleMs: 20_000, ...options };
    this.#room = new ImageRoom(options);
    this.server = hostOf(new URL(options.server));
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(options.dir)) if (!/^[0-9a-f]{64}$/.test(name)) rmSync(join(options.dir, name), { recursive: true });
  }

  async ensure(files: readonly ImageFile[], ahead?: { readonly wanted?: ReadonlySet<string> }): Promise<FetchedFiles> {
    if (ahead === undefined) return this.#forUse(files);
    const coming = this.#aheadOfNeed(files, ahead.wanted ?? 'all');
    this.#ahead.add(coming);
    try {
      return await coming;
    } finally {
      this.#ahead.delete(coming);
    }
  }

  async #forUse(files: readonly ImageFile[]): Promise<FetchedFiles> {
    const release = this.#room.hold(files);
    let isDone = false;
    try {
      let room = this.#room.take(files, nothing);
      // What comes ahead of need can make room as soon as it is there.
      while (room.kind === 'failed' && this.#ahead.size > 0) {
        await Promise.allSettled([Promise.race(this.#ahead)]);
        room = this.#room.take(files, nothing);
      }
      if (room.kind === 'failed') return room;
      const failed = await this.#each(files, room.end);
      if (failed !== undefined) return failed;
      const now = this.#options.clock.now() / 1000;
      for (const { sha256 } of files) utimesSync(this.#path(sha256), now, now);
      isDone = true;
      return { kind: 'done', paths: this.#paths(files), release };
    } finally {
      if (!isDone) release();
    }
  }

  async #aheadOfNeed(files: readonly ImageFile[], spared: Spared): Promise<FetchedFiles> {
    const fresh = files.filter(({ sha256 }) => !existsSync(this.#path(sha256)));
    const release = this.#room.hold(files);
    try {
      const room = this.#room.take(files, spared);
      if (room.kind === 'failed') return room;
      const failed = await this.#each(files, room.end);
      if (failed !== undefined) return failed;
    } finally {
      release();
      this.#goFirst(fresh);
    }
    return { kind: 'done', paths: this.#paths(files), release: () => undefined };
  }

  #goFirst(files: readonly ImageFile[]): void {
    const seconds = aheadSeconds - ++this.#aheadCount;
    for (const { sha256 } of files) {
      const path = this.#path(sha256);
      if (!this.#room.isHeld(sha256) && existsSync(path)) utimesSync(path, seconds, seconds);
    }
  }

  async #each(files: readonly ImageFile[], end: () => void): Promise<Failed | undefined> {
    try {
      for (const file of files) {
        const fetched = await this.#one(file);
        if (fetched.kind === 'failed') return { kind: 'failed', code: fetched.code, reason: fetched.reason };
      }
      return undefined;
    } finally {
      end();
    }
  }

  #paths(files: readonly ImageFile[]): Readonly<Record<string, string>> {
    return Object.fromEntries(files.map(({ name, sha256 }) => [name, this.#path(sha256)]));
  }

  #one(file: ImageFile): Promise<Fetched> {
    const running = this.#downloads.get(file.sha256);
    if (running !== undefined) return running;
    const there = statSync(this.#path(file.sha256), { throwIfNoEntry: false });
    if (there?.size === file.bytes) return Promise.resolve({ kind: 'done' });
    if (there !== undefined) return Promise.resolve(wrong(file, `it has ${there.size} bytes, and was announced with ${file.bytes}`));
    const download = this.#download(file).finally(() => this.#downloads.delete(file.sha256));
    this.#downloads.set(file.sha256, download);
    return download;
  }

  async #download(file: ImageFile): Promise<Fetched> {
    for (let attempt = 1; ; attempt++) {
      const fetched = await this.#attempt(file);
      if (fetched.kind === 'done' || !fetched.again || attempt >= this.#options.tries) return fetched;
      this.#options.log.warn({ file: file.path, reason: fetched.reason, attempt }, 'a file is fetched again');
      await new Promise<void>((resolve) => {
        this.#options.clock.after(this.#options.pauseMs * 2 ** (attempt - 1), resolve);
      });
    }
  }

  async #attempt(file: ImageFile): Promise<Fetched> {
    const part = join(this.#options.dir, `part-${randomUUID()}`);
    try {
      const response = await this.#open(file);
      if (response.statusCode !== 200) {
        response.destroy();
        const again = response.statusCode === undefined || response.statusCode >= 500 || response.statusCode === 429;
        return { kind: 'failed', code: 'unreachable', reason: `${file.path}: the server answers ${response.statusCode}`, again };
      }
      const hash = createHash('sha256');
      let bytes = 0;
      const check = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length;
          hash.update(chunk);
          done(bytes > file.bytes ? new TooLong() : null, chunk);
        },
      });
      await pipeline(response, check, createWriteStream(part, { mode: 0o600 }));
      const sha256 = hash.digest('hex');
      // What ended early is broken off, not wrong: only that is worth another try.
      if (bytes < file.bytes)
        return { kind: 'failed', code: 'unreachable', reason: `${file.path} ended after ${bytes} of ${file.bytes} bytes`, again: true };
      if (sha256 !== file.sha256) return wrong(file, `its sha256 is ${sha256}, not ${file.sha256}`);
      renameSync(part, this.#path(file.sha256));
      this.#options.log.info({ file: file.path, bytes }, 'a file was fetched');
      return { kind: 'done' };
    } catch (error) {
      if (error instanceof TooLong) return wrong(file, `it is longer than the ${file.bytes} bytes that were announced`);
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC')
        return { kind: 'failed', code: 'no-memory', reason: `${file.path}: ${this.#options.dir} is full`, again: false };
      return { kind: 'failed', code: 'unreachable', reason: `${file.path}: ${message}`, again: true };
    } finally {
      rmSync(part, { force: true });
    }
  }

  #open(file: ImageFile): Promise<IncomingMessage> {
    const { server, idleMs } = this.#options;
    // The path is joined, never resolved: no command leads to another server.
    const url = new URL(server);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = get({ host: hostOf(url), port: url.port || 80, path: encodeURI(file.path), timeout: idleMs }, resolve);
    request.once('timeout', () => request.destroy(new Error(`no byte came for ${idleMs / 1000} s`)));
    request.once('error', reject);
    return promise;
  }

  #path(sha256: string): string {
    return join(this.#options.dir, sha256);
  }
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

class TooLong extends Error {}

function wrong(file: ImageFile, reason: string): Fetched {
  return { kind: 'failed', code: 'checksum', reason: `${file.path}: ${reason}`, again: false };
}
