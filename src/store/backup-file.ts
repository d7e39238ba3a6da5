import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { isDeepStrictEqual } from 'node:util';
import { createGunzip, createGzip } from 'node:zlib';
import type { Value } from './engine.ts';
import { StoreError, reasonOf } from './store-error.ts';

/**
 * A backup: gzip'd lines of JSON. A header; for each table that has rows a line with its name and columns and then a line
 * for each row, its values in their order; at the end how many rows there are and the sha256 of all lines before.
 */
export type BackupLine =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'table'; readonly table: string; readonly columns: readonly string[] }
  | { readonly kind: 'row'; readonly values: readonly Value[] };

export interface BackupHeader {
  readonly format: typeof backupFormat;
  readonly version: typeof backupVersion;
  /** The migrations that the database had, in order. */
  readonly schema: readonly string[];
  /** Wall-clock milliseconds. */
  readonly takenMs: number;
}

export const backupFormat = 'virtdom-backup';
export const backupVersion = 1;

interface Footer {
  readonly rows: Readonly<Record<string, number>>;
  readonly sha256: string;
}

const chunkChars = 65_536;
/** A line is one row; the largest has a template or a task's result in it. */
const longestLine = 64 * 1024 * 1024;

/** Written beside its place and renamed once it is on disk: there is never half a backup under its name. Mode 0600. */
export async function writeBackupFile(file: string, lines: AsyncIterable<BackupLine>): Promise<void> {
  const partial = join(dirname(file), `.${basename(file)}.${randomBytes(4).toString('hex')}.part`);
  const handle = await open(partial, 'wx', 0o600).catch((cause: unknown) => {
    throw unwritten(file, cause);
  });
  try {
    await pipeline(Readable.from(encode(lines)), createGzip(), handle.createWriteStream({ flush: true }));
    await rename(partial, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(partial, { force: true });
    throw isOfFile(error) ? unwritten(file, error) : error;
  }
}

function unwritten(file: string, cause: unknown): StoreError {
  return new StoreError('backup-broken', `${file} cannot be written: ${reasonOf(cause)}. There is no backup`, { cause });
}

/** Of the file that is written, not of the database that is read meanwhile. */
function isOfFile(error: unknown): boolean {
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall !== undefined && ['write', 'writev', 'fsync', 'rename', 'close'].includes(syscall);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* encode(lines: AsyncIterable<BackupLine>): AsyncGenerator<string> {
  const hash = createHash('sha256');
  const rows: Record<string, number> = {};
  let table = '';
  let chunk = '';
  for await (const line of lines) {
    if (line.kind === 'table') table = line.table;
    else if (line.kind === 'row') rows[table] = (rows[table] ?? 0) + 1;
    chunk += `${JSON.stringify(written(line))}\n`;
    if (chunk.length < chunkChars) continue;
    hash.update(chunk);
    yield chunk;
    chunk = '';
  }
  hash.update(chunk);
  yield `${chunk}${JSON.stringify({ rows, sha256: hash.digest('hex') } satisfies Footer)}\n`;
}

function written(line: BackupLine): unknown {
  switch (line.kind) {
    case 'header':
      return line.header;
    case 'table':
      return { table: line.table, columns: line.columns };
    case 'row':
      return line.values;
  }
}

/**
 * Hands over the lines one by one. What it hands over is to be believed only when it resolves: counts and sum stand at the end.
 * Throws StoreError `backup-broken`.
 */
export async function readBackupFile(file: string, take: (line: BackupLine) => Promise<void>): Promise<void> {
  const broken = (reason: string, cause?: unknown): StoreError =>
    new StoreError('backup-broken', `${file} cannot be restored: ${reason}. Nothing was changed`, { cause });
  let takeFailed: { readonly error: unknown } | undefined;
  try {
    await pipeline(createReadStream(file), createGunzip(), (bytes: AsyncIterable<Buffer>) =>
      check(linesOf(bytes), async (line) => {
        try {
          await take(line);
        } catch (error) {
          takeFailed = { error };
          throw error;
        }
      }),
    );
  } catch (error) {
    const cause = takeFailed === undefined ? error : takeFailed.error;
    const ofTheFile = takeFailed === undefined || (cause instanceof StoreError && cause.code === 'backup-broken');
    throw ofTheFile ? broken(reasonOf(cause), cause) : cause;
  }
}

async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of bytes) {
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > longestLine) throw new Error('it has a line without end');
    yield* parts;
  }
  if (rest !== '') throw new Error('its last line is cut off');
}

async function check(lines: AsyncIterable<string>, take: (line: BackupLine) => Promise<void>): Promise<void> {
  const hash = createHash('sha256');
  const rows: Record<string, number> = {};
  let table = '';
  let before: string | undefined;
  let first = true;
  for await (const line of lines) {
    if (before !== undefined) {
      hash.update(`${before}\n`);
      const parsed = parse(before, first);
      first = false;
      if (parsed.kind === 'table') table = parsed.table;
      else if (parsed.kind === 'row') rows[table] = (rows[table] ?? 0) + 1;
      await take(parsed);
    }
    before = line;
  }
  if (before === undefined || first) throw new Error('it is empty');
  const footer = parseJson(before) as Partial<Footer>;
  if (footer.sha256 === undefined || footer.rows === undefined) throw new Error('it ends too early');
  if (footer.sha256 !== hash.digest('hex')) throw new Error('its sum is wrong: it was changed after it was written');
  if (!isDeepStrictEqual(footer.rows, rows)) throw new Error('it has not the rows that it names at its end');
}

function parse(text: string, first: boolean): BackupLine {
  const value = parseJson(text);
  if (first) return { kind: 'header', header: headerOf(value) };
  if (Array.isArray(value)) return { kind: 'row', values: value as readonly Value[] };
  const { table, columns } = value as { table?: unknown; columns?: unknown };
  if (typeof table !== 'string' || !Array.isArray(columns)) throw new Error('it has a line that is no row and no table');
  return { kind: 'table', table, columns: columns as readonly string[] };
}

function headerOf(value: unknown): BackupHeader {
  const header = value as BackupHeader | null;
  if (header?.format !== backupFormat) throw new Error('it is no backup of virtdom');
  if (header.version !== backupVersion || !Array.isArray(header.schema)) throw new Error('a newer virtdom wrote it, in another form');
  return header;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new Error('it has a line that is not JSON', { cause });
  }
}
