import type { ByteReader } from '../bytes/byte-reader.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { type ImageIndex, inodeKinds } from '../model/image-index.ts';
import { BlobError, type BlobStore } from './blob-store.ts';
import type { ExportTable, Located, ServedImage } from './export-table.ts';
import { nfsStatus, readHandle, writeAttributes } from './nfs3-types.ts';
import type { ReplyBatch } from './reply-batch.ts';
import type { AuthSys } from './rpc-message.ts';
import { type Call, type Caller, credentialOf, type Procedure } from './rpc-dispatcher.ts';
import { padding, readHyper, readOpaque, writeBoolean, writeOpaque } from './xdr.ts';

/** The NFS v3 procedures on one file or name (RFC 1813 3.3.1 to 3.3.6). */

/** What the procedures work on. */
export interface NfsContext {
  readonly exports: ExportTable;
  readonly blobs: BlobStore;
  /** A client used a handle. Called on every call. */
  used(image: ServedImage, caller: Caller): void;
  /** A blob was not what was published. */
  damaged(error: BlobError, image: ServedImage, caller: Caller): void;
}

/** Largest READ, by transport: a datagram must stay below 64 KiB and suffers from every lost fragment. */
export const maxReadBytes = { tcp: 1024 * 1024, udp: 32 * 1024 } as const;
const maxNameBytes = 255;
const padBytes = [0, 1, 2, 3].map((length) => new Uint8Array(length));

export const fileProcedures = (context: NfsContext): Readonly<Record<number, Procedure>> => ({
  0: () => {},
  1: getAttributes(context),
  3: lookup(context),
  4: access(context),
  5: readLink(context),
  6: read(context),
});

/** Finds what a call's first handle names, and notes that its client is alive. */
export function locate(context: NfsContext, handle: Uint8Array, call: Call): Located {
  const found = context.exports.locate(handle, call.caller.addressNumber);
  if (found.status === nfsStatus.ok) context.used(found.image, call.caller);
  return found;
}

/** post_op_attr (2.6). */
export function writePostOp(writer: ByteWriter, image: ServedImage, inode: number): void {
  writer.u32(1);
  writeAttributes(writer, image.index, image.fsid, inode);
}

export const accessBits = { read: 1, lookup: 2, modify: 4, extend: 8, delete: 16, execute: 32 } as const;

/**
 * What a user may do, by mode, owner and groups; writing is never among it. Who may execute a file may read it, or its
 * client could not load it. Root is not squashed, but executes only what has an execute bit at all.
 */
export function grantedAccess(index: ImageIndex, inode: number, who: AuthSys): number {
  const mode = index.mode(inode);
  const isFolder = index.kind(inode) === inodeKinds.folder;
  let bits = mode & 7;
  if (who.uid === 0) bits = 4 | (isFolder || (mode & 0o111) !== 0 ? 1 : 0);
  else if (who.uid === index.uid(inode)) bits = (mode >> 6) & 7;
  else if (who.gid === index.gid(inode) || who.gids.includes(index.gid(inode))) bits = (mode >> 3) & 7;
  const mayRead = (bits & 4) !== 0;
  const mayExecute = (bits & 1) !== 0;
  if (isFolder) return (mayRead ? accessBits.read : 0) | (mayExecute ? accessBits.lookup : 0);
  return (mayRead || mayExecute ? accessBits.read : 0) | (mayExecute ? accessBits.execute : 0);
}

/** The same for one right, without a look at the credential where everybody has it: most calls. */
export function isGranted(index: ImageIndex, inode: number, right: number, call: Call): boolean {
  const everybody = right === accessBits.read ? 0o444 : 0o111;
  if ((index.mode(inode) & everybody) === everybody) return true;
  return (grantedAccess(index, inode, credentialOf(call.message)) & right) !== 0;
}

function getAttributes(context: NfsContext): Procedure {
  return (args, { writer }, call) => {
    const handle = readHandle(args);
    args.expectEnd('GETATTR');
    const found = locate(context, handle, call);
    writer.u32(found.status);
    if (found.status === nfsStatus.ok) writeAttributes(writer, found.image.index, found.image.fsid, found.inode);
  };
}

function lookup(context: NfsContext): Procedure {
  return (args, { writer }, call) => {
    const handle = readHandle(args);
    const name = readOpaque(args, 4096, 'name');
    args.expectEnd('LOOKUP');
    const found = locate(context, handle, call);
    if (found.status !== nfsStatus.ok) return void writer.u32(found.status).u32(0);
    const { image, inode: folder } = found;
    const child = lookupIn(image.index, folder, name, call);
    if (typeof child !== 'number') {
      writer.u32(child.status);
      writePostOp(writer, image, folder);
      return;
    }
    writer.u32(nfsStatus.ok);
    image.handles.write(writer, child);
    writePostOp(writer, image, child);
    writePostOp(writer, image, folder);
  };
}

/** A folder's entry by name, `.` and `..` included; the root is its own parent. */
function lookupIn(index: ImageIndex, folder: number, name: Uint8Array, call: Call): number | { readonly status: number } {
  if (index.kind(folder) !== inodeKinds.folder) return { status: nfsStatus.notDirectory };
  if (!isGranted(index, folder, accessBits.lookup, call)) return { status: nfsStatus.access };
  if (name.length > maxNameBytes) return { status: nfsStatus.nameTooLong };
  if (name[0] === 0x2e) {
    if (name.length === 1) return folder;
    if (name.length === 2 && name[1] === 0x2e) return index.parent(folder);
  }
  const child = index.lookup(folder, name);
  return child === 0 ? { status: nfsStatus.noEntry } : child;
}

function access(context: NfsContext): Procedure {
  return (args, { writer }, call) => {
    const handle = readHandle(args);
    const asked = args.u32('access');
    args.expectEnd('ACCESS');
    const found = locate(context, handle, call);
    if (found.status !== nfsStatus.ok) return void writer.u32(found.status).u32(0);
    const granted = grantedAccess(found.image.index, found.inode, credentialOf(call.message));
    writer.u32(nfsStatus.ok);
    writePostOp(writer, found.image, found.inode);
    writer.u32((granted & asked) >>> 0);
  };
}

function readLink(context: NfsContext): Procedure {
  return (args, { writer }, call) => {
    const handle = readHandle(args);
    args.expectEnd('READLINK');
    const found = locate(context, handle, call);
    if (found.status !== nfsStatus.ok) return void writer.u32(found.status).u32(0);
    const { image, inode } = found;
    const isLink = image.index.kind(inode) === inodeKinds.symlink;
    writer.u32(isLink ? nfsStatus.ok : nfsStatus.invalid);
    writePostOp(writer, image, inode);
    if (isLink) writeOpaque(writer, image.index.target(inode));
  };
}

function read(context: NfsContext): Procedure {
  return (args: ByteReader, reply: ReplyBatch, call: Call) => {
    const handle = readHandle(args);
    const offset = readHyper(args, 'offset');
    const asked = args.u32('count');
    args.expectEnd('READ');
    const { writer } = reply;
    const found = locate(context, handle, call);
    if (found.status !== nfsStatus.ok) return void writer.u32(found.status).u32(0);
    const { image, inode } = found;
    const { index } = image;
    const kind = index.kind(inode);
    let status: number = nfsStatus.ok;
    if (kind !== inodeKinds.file) status = kind === inodeKinds.folder ? nfsStatus.isDirectory : nfsStatus.invalid;
    else if (!isGranted(index, inode, accessBits.read, call)) status = nfsStatus.access;

    const size = index.size(inode);
    const count = Math.max(0, Math.min(asked, maxReadBytes[call.caller.transport], size - offset));
    let parts: Uint8Array[] = [];
    if (status === nfsStatus.ok && count > 0) {
      try {
        parts = context.blobs.read(image.blob(inode), offset, count);
      } catch (error) {
        if (!(error instanceof BlobError)) throw error;
        context.damaged(error, image, call.caller);
        status = nfsStatus.io;
      }
    }
    writer.u32(status);
    writePostOp(writer, image, inode);
    if (status !== nfsStatus.ok) return;
    writer.u32(count);
    writeBoolean(writer, offset + count >= size);
    writer.u32(count);
    for (const part of parts) reply.reference(part);
    const pad = padBytes[padding(count)];
    if (pad !== undefined && pad.length > 0) writer.bytes(pad);
  };
}
