import type { ByteReader } from '../bytes/byte-reader.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { type ImageIndex, inodeKinds } from '../model/image-index.ts';
import { readOpaque, writeHyper } from './xdr.ts';

/** NFS version 3 (RFC 1813): numbers and the structures that several procedures share. */

export const nfsProgram = 100_003;

export const nfsStatus = {
  ok: 0,
  noEntry: 2,
  io: 5,
  access: 13,
  notDirectory: 20,
  isDirectory: 21,
  invalid: 22,
  readOnly: 30,
  nameTooLong: 63,
  stale: 70,
  badHandle: 10_001,
  tooSmall: 10_005,
} as const;

export const maxHandleBytes = 64;

/** ftype3 (2.5). */
const fileTypes = {
  [inodeKinds.file]: 1,
  [inodeKinds.folder]: 2,
  [inodeKinds.block]: 3,
  [inodeKinds.character]: 4,
  [inodeKinds.symlink]: 5,
  [inodeKinds.socket]: 6,
  [inodeKinds.fifo]: 7,
} as const;

export const attributeBytes = 84;

export function readHandle(args: ByteReader): Uint8Array {
  return readOpaque(args, maxHandleBytes, 'file handle');
}

/** fattr3 (2.5). The access and change times are the modification time: nothing else ever happens to an image. */
export function writeAttributes(writer: ByteWriter, index: ImageIndex, fsid: readonly [number, number], inode: number): void {
  const kind = index.kind(inode);
  const size = index.size(inode);
  writer.u32(fileTypes[kind]).u32(index.mode(inode)).u32(index.links(inode)).u32(index.uid(inode)).u32(index.gid(inode));
  writeHyper(writer, size);
  writeHyper(writer, Math.ceil(size / 4096) * 4096);
  writer.u32(index.major(inode)).u32(index.minor(inode));
  writer.u32(fsid[0]).u32(fsid[1]);
  writer.u32(0).u32(inode);
  const seconds = Math.min(Math.max(index.mtimeSeconds(inode), 0), 0xffff_ffff);
  const nanoseconds = index.mtimeNanoseconds(inode);
  for (let time = 0; time < 3; time++) writer.u32(seconds).u32(nanoseconds);
}
