/**
 * An image's tree as typed records in one SharedArrayBuffer: every worker thread reads the same copy. An inode is its
 * place in the manifest (the root is 1), so its number is the same after a restart and on every server. Folder entries
 * are sorted by the bytes of their names; an entry's place in its folder never changes, so it serves as READDIR cookie.
 */

export const inodeKinds = { folder: 1, file: 2, symlink: 3, fifo: 4, socket: 5, character: 6, block: 7 } as const;
export type InodeKind = (typeof inodeKinds)[keyof typeof inodeKinds];

export const rootInode = 1;

const magic = 0x76_64_69_31;
const headerWords = 8;

export interface IndexCounts {
  readonly inodes: number;
  readonly entries: number;
  readonly files: number;
  readonly stringBytes: number;
}

/** The columns of an index by inode, by entry, by file; widest numbers first, so that each is aligned. Slot 0 of an inode column is empty. */
function columns({ inodes, entries, files, stringBytes }: IndexCounts, reserve: (end: number) => SharedArrayBuffer) {
  let end = headerWords * 4;
  const take = (bytes: number): number => {
    const start = end;
    end += bytes;
    return start;
  };
  const slots = inodes + 1;
  const [sizes, mtimes] = [take(slots * 8), take(slots * 8)];
  const [nanoseconds, uids, gids, links, parents] = [take(slots * 4), take(slots * 4), take(slots * 4), take(slots * 4), take(slots * 4)];
  const [firsts, seconds] = [take(slots * 4), take(slots * 4)];
  const [entryInodes, entryNames] = [take(entries * 4), take((entries + 1) * 4)];
  const [modes, kinds, digests, strings] = [take(slots * 2), take(slots), take(files * 32), take(stringBytes)];
  const buffer = reserve(end);
  return {
    buffer,
    sizes: new Float64Array(buffer, sizes, slots),
    mtimes: new Float64Array(buffer, mtimes, slots),
    nanoseconds: new Uint32Array(buffer, nanoseconds, slots),
    uids: new Uint32Array(buffer, uids, slots),
    gids: new Uint32Array(buffer, gids, slots),
    links: new Uint32Array(buffer, links, slots),
    parents: new Uint32Array(buffer, parents, slots),
    /** Folder: first entry and count. Symlink: offset and length of its target. File: its digest. Device: major and minor. */
    firsts: new Uint32Array(buffer, firsts, slots),
    seconds: new Uint32Array(buffer, seconds, slots),
    entryInodes: new Uint32Array(buffer, entryInodes, entries),
    entryNames: new Uint32Array(buffer, entryNames, entries + 1),
    modes: new Uint16Array(buffer, modes, slots),
    kinds: new Uint8Array(buffer, kinds, slots),
    digests: new Uint8Array(buffer, digests, files * 32),
    strings: new Uint8Array(buffer, strings, stringBytes),
  };
}

/** An index with room for so many, for `compileImageIndex` to fill. */
export function emptyIndex(counts: IndexCounts): ReturnType<typeof columns> {
  const index = columns(counts, (end) => new SharedArrayBuffer(end));
  new Uint32Array(index.buffer, 0, headerWords).set([magic, counts.inodes, counts.entries, counts.files, counts.stringBytes]);
  return index;
}

/** Reads what `compileImageIndex` made. Inode numbers given to it must be from 1 to `inodeCount`. */
export class ImageIndex {
  readonly inodeCount: number;
  /** Of regular files, each inode once. */
  readonly totalBytes: number;
  readonly #columns: ReturnType<typeof columns>;

  constructor(buffer: SharedArrayBuffer) {
    const [word, inodes = 0, entries = 0, files = 0, stringBytes = 0] = new Uint32Array(buffer, 0, headerWords);
    if (word !== magic) throw new RangeError('the buffer holds no image index');
    this.inodeCount = inodes;
    this.#columns = columns({ inodes, entries, files, stringBytes }, () => buffer);
    this.totalBytes = this.#columns.sizes.reduce(
      (sum, size, inode) => (this.#columns.kinds[inode] === inodeKinds.file ? sum + size : sum),
      0,
    );
  }

  kind(inode: number): InodeKind {
    return numberAt(this.#columns.kinds, inode) as InodeKind;
  }

  /** Permission bits, 0 to 0o7777. */
  mode(inode: number): number {
    return numberAt(this.#columns.modes, inode);
  }

  uid(inode: number): number {
    return numberAt(this.#columns.uids, inode);
  }

  gid(inode: number): number {
    return numberAt(this.#columns.gids, inode);
  }

  /** Names that lead to the inode; for a folder 2 and one for each folder in it. */
  links(inode: number): number {
    return numberAt(this.#columns.links, inode);
  }

  /** Bytes of a file or of a link's target; a folder counts 4096. */
  size(inode: number): number {
    return numberAt(this.#columns.sizes, inode);
  }

  mtimeSeconds(inode: number): number {
    return numberAt(this.#columns.mtimes, inode);
  }

  mtimeNanoseconds(inode: number): number {
    return numberAt(this.#columns.nanoseconds, inode);
  }

  /** The folder that an inode was first named in; the root is its own. */
  parent(inode: number): number {
    return numberAt(this.#columns.parents, inode);
  }

  /** Of a device; 0 for other kinds. */
  major(inode: number): number {
    return isDevice(this.kind(inode)) ? numberAt(this.#columns.firsts, inode) : 0;
  }

  minor(inode: number): number {
    return isDevice(this.kind(inode)) ? numberAt(this.#columns.seconds, inode) : 0;
  }

  entryCount(folder: number): number {
    return this.kind(folder) === inodeKinds.folder ? numberAt(this.#columns.seconds, folder) : 0;
  }

  entryInode(folder: number, position: number): number {
    return numberAt(this.#columns.entryInodes, numberAt(this.#columns.firsts, folder) + position);
  }

  /** A view of the entry's name. */
  entryName(folder: number, position: number): Uint8Array {
    const entry = numberAt(this.#columns.firsts, folder) + position;
    return this.#columns.strings.subarray(numberAt(this.#columns.entryNames, entry), numberAt(this.#columns.entryNames, entry + 1));
  }

  /** The inode of a name in a folder, or 0 where there is none. */
  lookup(folder: number, name: Uint8Array): number {
    const first = numberAt(this.#columns.firsts, folder);
    let low = first;
    let high = first + this.entryCount(folder) - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(middle, name);
      if (order === 0) return numberAt(this.#columns.entryInodes, middle);
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return 0;
  }

  /** Where a symlink points, as a view. */
  target(symlink: number): Uint8Array {
    const start = numberAt(this.#columns.firsts, symlink);
    return this.#columns.strings.subarray(start, start + numberAt(this.#columns.seconds, symlink));
  }

  /** The sha256 of a file's content in lower-case hexadecimal. */
  sha256(file: number): string {
    const start = this.digestNumber(file) * 32;
    return Buffer.from(this.#columns.digests.subarray(start, start + 32)).toString('hex');
  }

  /** Numbers the image's files from 0, in the order of their inodes. */
  digestNumber(file: number): number {
    return numberAt(this.#columns.firsts, file);
  }

  /** Negative where the entry's name sorts before `name`. */
  #compare(entry: number, name: Uint8Array): number {
    const start = numberAt(this.#columns.entryNames, entry);
    const length = numberAt(this.#columns.entryNames, entry + 1) - start;
    const shared = Math.min(length, name.length);
    for (let position = 0; position < shared; position++) {
      const difference = numberAt(this.#columns.strings, start + position) - numberAt(name, position);
      if (difference !== 0) return difference;
    }
    return length - name.length;
  }
}

function isDevice(kind: InodeKind): boolean {
  return kind === inodeKinds.character || kind === inodeKinds.block;
}

function numberAt(array: { readonly [index: number]: number }, index: number): number {
  return array[index] ?? 0;
}
