import type { ImageManifest, InodeFacts, ManifestEntry } from './image-manifest.ts';

/** The text is not a manifest; `line` counts from 1. */
export class ManifestTextError extends Error {
  override readonly name = 'ManifestTextError';
  readonly code = 'manifest-invalid';
  readonly line: number;

  constructor(line: number, message: string) {
    super(`manifest line ${line}: ${message}`);
    this.line = line;
  }
}

const formatVersion = 1;

/** JSON lines: a header, then one line an entry. Keys have a fixed order, so the same manifest is always the same text. */
export function formatManifest(manifest: ImageManifest): string {
  const { image, version, recipeSha256, builtMs, bootFiles, writablePaths } = manifest;
  const header = {
    virtdomManifest: formatVersion,
    image,
    version,
    recipeSha256,
    builtMs,
    bootFiles: bootFiles.map(({ name, size, sha256 }) => ({ name, size, sha256 })),
    writablePaths,
    entries: manifest.entries.length,
  };
  return [header, ...manifest.entries.map(entryLine)].map((value) => `${JSON.stringify(value)}\n`).join('');
}

function entryLine(entry: ManifestEntry): object {
  const { path, kind, uid, gid } = entry;
  const facts = { path, kind, mode: entry.mode.toString(8).padStart(4, '0'), uid, gid, mtime: formatTime(entry) };
  switch (entry.kind) {
    case 'file':
      return { ...facts, size: entry.size, sha256: entry.sha256 };
    case 'link':
      return { ...facts, to: entry.to };
    case 'symlink':
      return { ...facts, target: entry.target };
    case 'character':
    case 'block':
      return { ...facts, major: entry.major, minor: entry.minor };
    case 'folder':
    case 'fifo':
    case 'socket':
      return facts;
  }
}

function formatTime({ mtimeSeconds, mtimeNanoseconds }: InodeFacts): string {
  return `${mtimeSeconds}.${String(mtimeNanoseconds).padStart(9, '0')}`;
}

/** Reads what `formatManifest` wrote. Throws ManifestTextError for anything else, a text that was cut short included. */
export function parseManifest(text: string): ImageManifest {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new ManifestTextError(lines.length + 1, 'the text ends in the middle of a line');
  const { entries: count, ...header } = parseManifestHeader(lines[0] ?? '');
  if (lines.length - 1 !== count)
    throw new ManifestTextError(lines.length, `${count} entries were announced, ${lines.length - 1} are there`);
  const kinds = new Map<string, ManifestEntry['kind']>();
  const entries = lines.slice(1).map((line, index) => {
    const entry = parseEntry(new Fields(line, index + 2));
    checkPlace(entry, kinds, index + 2);
    kinds.set(entry.path, entry.kind);
    return entry;
  });
  return { ...header, entries };
}

/** The first line alone: enough to know which image this is. `entries` is their number. */
export function parseManifestHeader(line: string): Omit<ImageManifest, 'entries'> & { readonly entries: number } {
  const fields = new Fields(line, 1);
  if (fields.number('virtdomManifest') !== formatVersion) throw new ManifestTextError(1, `not of format ${formatVersion}`);
  return {
    image: fields.text('image'),
    version: fields.number('version'),
    recipeSha256: fields.sha256('recipeSha256'),
    builtMs: fields.number('builtMs'),
    bootFiles: fields.list('bootFiles').map((value) => {
      const file = new Fields(JSON.stringify(value), 1);
      return { name: file.text('name'), size: file.number('size'), sha256: file.sha256('sha256') };
    }),
    writablePaths: fields.list('writablePaths').map(String),
    entries: fields.number('entries'),
  };
}

function parseEntry(fields: Fields): ManifestEntry {
  const mode = Number.parseInt(fields.text('mode', /^[0-7]{4}$/), 8);
  const [mtimeSeconds = 0, mtimeNanoseconds = 0] = fields
    .text('mtime', /^-?\d{1,12}\.\d{9}$/)
    .split('.')
    .map(Number);
  const facts = { path: fields.text('path'), mode, uid: fields.number('uid'), gid: fields.number('gid'), mtimeSeconds, mtimeNanoseconds };
  const kind = fields.text('kind');
  switch (kind) {
    case 'file':
      return { ...facts, kind, size: fields.number('size'), sha256: fields.sha256('sha256') };
    case 'link':
      return { ...facts, kind, to: fields.text('to') };
    case 'symlink':
      return { ...facts, kind, target: fields.text('target') };
    case 'character':
    case 'block':
      return { ...facts, kind, major: fields.number('major'), minor: fields.number('minor') };
    case 'folder':
    case 'fifo':
    case 'socket':
      return { ...facts, kind };
    default:
      throw new ManifestTextError(fields.line, `${kind} is no kind of entry`);
  }
}

/** A tree and nothing but a tree: the root first, each folder before what it holds, each path once. */
function checkPlace(entry: ManifestEntry, kinds: ReadonlyMap<string, ManifestEntry['kind']>, line: number): void {
  const { path } = entry;
  if (kinds.size === 0) {
    if (path !== '/' || entry.kind !== 'folder') throw new ManifestTextError(line, 'the first entry must be the folder /');
    return;
  }
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  if (slash < 0 || name === '' || name === '.' || name === '..' || name.includes('\0'))
    throw new ManifestTextError(line, `${path} is no path`);
  if (kinds.has(path)) throw new ManifestTextError(line, `${path} is there twice`);
  if (kinds.get(path.slice(0, slash) || '/') !== 'folder') throw new ManifestTextError(line, `${path} comes before its folder`);
  if (entry.kind === 'link' && kinds.get(entry.to) !== 'file')
    throw new ManifestTextError(line, `${path} links to ${entry.to}, which is no file before it`);
}

/** One line's JSON object, read field by field. */
class Fields {
  readonly line: number;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(text: string, line: number) {
    this.line = line;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new ManifestTextError(line, `no JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ManifestTextError(line, 'no JSON object');
    this.#values = value as Record<string, unknown>;
  }

  text(key: string, form?: RegExp): string {
    const value = this.#values[key];
    if (typeof value !== 'string' || value === '' || (form !== undefined && !form.test(value))) throw this.#wrong(key);
    return value;
  }

  sha256(key: string): string {
    return this.text(key, /^[0-9a-f]{64}$/);
  }

  number(key: string): number {
    const value = this.#values[key];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw this.#wrong(key);
    return value;
  }

  list(key: string): unknown[] {
    const value = this.#values[key];
    if (!Array.isArray(value)) throw this.#wrong(key);
    return value as unknown[];
  }

  #wrong(key: string): ManifestTextError {
    return new ManifestTextError(this.line, `${key} is ${JSON.stringify(this.#values[key]) ?? 'missing'}`);
  }
}
