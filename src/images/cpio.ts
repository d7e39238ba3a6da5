import type { InodeFacts } from '../model/image-manifest.ts';

/**
 * The archive that Linux unpacks as its first root: cpio's "new ASCII" format (Linux, Documentation/driver-api/
 * early-userspace/buffer-format.rst). A header of 110 characters, the name with a NUL, the content, each filled up to a
 * multiple of four bytes.
 */
export interface CpioEntry extends Pick<InodeFacts, 'mode' | 'uid' | 'gid'> {
  /** Without leading slash; `.` for the root. */
  readonly name: string;
  readonly kind: 'folder' | 'file' | 'symlink' | 'fifo' | 'socket' | 'character' | 'block';
  /** Names of one file have the same number and the count of them; the last one has the content. */
  readonly inode: number;
  readonly names: number;
  readonly mtimeSeconds: number;
  /** Of a file's content, or of a link's target. */
  readonly size: number;
  readonly major?: number;
  readonly minor?: number;
}

/** stat(2): what kind of inode it is. */
const typeBits: Readonly<Record<CpioEntry['kind'], number>> = {
  fifo: 0o010000,
  character: 0o020000,
  folder: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};
const trailerName = 'TRAILER!!!';
const maxField = 0xffff_ffff;

/** What stands before a content. Throws RangeError for what the format cannot say: a file of 4 GiB and more. */
export function encodeCpioHeader(entry: CpioEntry): Buffer {
  const name = Buffer.from(`${entry.name}\0`);
  const { major = 0, minor = 0 } = entry;
  const fields = [
    entry.inode,
    typeBits[entry.kind] | entry.mode,
    entry.uid,
    entry.gid,
    entry.names,
    entry.mtimeSeconds,
    entry.size,
    0,
    0,
    major,
    minor,
    name.length,
    0,
  ];
  const wrong = fields.find((field) => !Number.isInteger(field) || field < 0 || field > maxField);
  if (wrong !== undefined) throw new RangeError(`${entry.name}: a cpio archive cannot hold the number ${wrong}`);
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')}`, 'latin1');
  return Buffer.concat([header, name, cpioPadding(header.length + name.length)]);
}

/** What fills up a part of so many bytes. */
export function cpioPadding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

/** What an archive ends with. */
export function encodeCpioTrailer(): Buffer {
  const none = { mode: 0, uid: 0, gid: 0, inode: 0, names: 1, mtimeSeconds: 0, size: 0 };
  const trailer = encodeCpioHeader({ ...none, name: trailerName, kind: 'file' });
  // Its mode is that of nothing at all.
  trailer.write('00000000', 14, 'latin1');
  return trailer;
}
