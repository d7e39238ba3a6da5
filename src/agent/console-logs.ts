import { closeSync, fstatSync, openSync, readSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { GuestConsoles } from './parts.ts';

export interface ConsoleLogsOptions {
  /** xenconsoled writes there, `guest-NAME.log` each. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** A guest may write for ever, and the folder lies in RAM. */
  readonly maxBytes?: number;
  /** Of all of them together: the largest go first. */
  readonly maxTotalBytes?: number;
  /** Where xl writes what becomes of each domain, `xl-NAME.log`. */
  readonly xlDir?: string;
}

/** Names of VMs come and go: the oldest logs go with them. */
const maxFiles = 512;

const sweepMs = 10_000;
/** How far into a console the ready line is looked for at a time. */
const pieceBytes = 256 * 1024;
const readyForm = /-----VIRTDOM READY name=(\S{1,64})(?: address=(\d{1,3}(?:\.\d{1,3}){3})?)?-----/g;

/** What xenconsoled keeps of what guests write. It appends, so that a log which is cut here goes on from its start. */
export class ConsoleLogs implements GuestConsoles {
  readonly #options: Required<Omit<ConsoleLogsOptions, 'xlDir'>> & Pick<ConsoleLogsOptions, 'xlDir'>;
  /** How far each was looked through, and what is known of it. */
  readonly #seen = new Map<string, { offset: number; ready?: { readonly address?: string } }>();
  #timer: Timer | undefined;

  constructor(options: ConsoleLogsOptions) {
    this.#options = { maxBytes: 1024 * 1024, maxTotalBytes: 16 * 1024 * 1024, ...options };
    this.#sweepLater();
  }

  begin(vm: string): Promise<void> {
    this.#seen.delete(vm);
    for (const file of this.#files(vm)) rmSync(file, { force: true });
    return Promise.resolve();
  }

  tail(vm: string, bytes: number): Promise<string | undefined> {
    const file = this.#open(vm);
    if (file === undefined) return Promise.resolve(undefined);
    try {
      const { size } = fstatSync(file);
      const text = readText(file, Math.max(0, size - bytes), bytes);
      // A character that was cut in two has no beginning.
      return Promise.resolve(text.replace(/^�+/, ''));
    } finally {
      closeSync(file);
    }
  }

  ready(vm: string): Promise<{ readonly address?: string } | undefined> {
    const file = this.#open(vm);
    if (file === undefined) return Promise.resolve(undefined);
    try {
      return Promise.resolve(this.#look(vm, file));
    } finally {
      closeSync(file);
    }
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** A piece at a time, the newest of a console that grew by more than that. */
  #look(vm: string, file: number): { readonly address?: string } | undefined {
    const seen = this.#seen.get(vm) ?? { offset: 0 };
    this.#seen.set(vm, seen);
    if (seen.ready !== undefined) return seen.ready;
    const { size } = fstatSync(file);
    if (size < seen.offset) seen.offset = 0;
    // A line may have been half written at the last look.
    const from = Math.max(0, seen.offset - 256, size - pieceBytes);
    const text = readText(file, from, size - from);
    for (const [, name, address] of text.matchAll(readyForm)) {
      if (name === vm) seen.ready = address === undefined ? {} : { address };
    }
    seen.offset = size;
    return seen.ready;
  }

  #open(vm: string): number | undefined {
    for (const file of this.#files(vm)) {
      const opened = openOr(file);
      if (opened !== undefined) return opened;
    }
    return undefined;
  }

  /** A log keeps the name that its domain had at first: one that came from another host had this one until it was all there. */
  #files(vm: string): readonly string[] {
    return [`guest-${vm}--incoming.log`, `guest-${vm}.log`].map((file) => join(this.#options.dir, file));
  }

  #sweepLater(): void {
    this.#timer = this.#options.clock.after(sweepMs, () => {
      try {
        this.#sweep();
      } catch (error) {
        this.#options.log.warn({ err: error }, 'the logs of guest consoles could not be kept small');
      }
      this.#sweepLater();
    });
  }

  #sweep(): void {
    const { dir, xlDir, maxBytes, maxTotalBytes } = this.#options;
    for (const file of keepNewest(filesOf(xlDir, /^xl-.*\.log/))) if (file.bytes > maxBytes) truncateSync(file.path, 0);
    const files = keepNewest(filesOf(dir, /^guest-.*\.log$/));
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of files.sort((one, other) => other.bytes - one.bytes)) {
      if (bytes <= maxBytes && total <= maxTotalBytes) break;
      this.#options.log.info({ file: path, bytes }, 'a log has grown too large and was emptied');
      truncateSync(path, 0);
      total -= bytes;
    }
  }
}

interface LogFile {
  readonly path: string;
  readonly bytes: number;
  readonly changedMs: number;
}

function filesOf(dir: string | undefined, form: RegExp): LogFile[] {
  if (dir === undefined) return [];
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => form.test(name))
    .flatMap((name) => {
      const found = statSync(join(dir, name), { throwIfNoEntry: false });
      return found?.isFile() ? [{ path: join(dir, name), bytes: found.size, changedMs: found.mtimeMs }] : [];
    });
}

function keepNewest(files: LogFile[]): LogFile[] {
  const newest = files.sort((one, other) => other.changedMs - one.changedMs);
  for (const { path } of newest.slice(maxFiles)) rmSync(path, { force: true });
  return newest.slice(0, maxFiles);
}

function openOr(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function readText(file: number, from: number, bytes: number): string {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(file, buffer, 0, bytes, from)).toString('utf8');
}
