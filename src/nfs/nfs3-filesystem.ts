import { locate, maxReadBytes, type NfsContext, writePostOp } from './nfs3-files.ts';
import { nfsStatus, readHandle } from './nfs3-types.ts';
import type { Procedure } from './rpc-dispatcher.ts';
import { writeBoolean, writeHyper } from './xdr.ts';

/** What a client asks about an image as a whole (RFC 1813 3.3.18 to 3.3.20). */

/** FSF3_LINK, FSF3_SYMLINK, FSF3_HOMOGENEOUS; times cannot be set. */
const fsProperties = 0x01 | 0x02 | 0x08;
const preferredFolderBytes = 32 * 1024;
/** Of a WRITE, which is always refused; below the size of a record that we take. */
const maxWriteBytes = 32 * 1024;
/** How long the numbers of FSSTAT hold: an image never changes. */
const invariantSeconds = 0xffff_ffff;

export const filesystemProcedures = (context: NfsContext): Readonly<Record<number, Procedure>> => ({
  18: fsStat(context),
  19: fsInfo(context),
  20: pathConf(context),
});

function fsStat(context: NfsContext): Procedure {
  return (args, { writer }, call) => {
    const handle = readHandle(args);
    args.expectEnd('FSSTAT');
    const found = locate(context, handle, call);
    writer.u32(found.status);
    if (found.status !== nfsStatus.ok) return void writer.u32(0);
    const { image, inode } = found;
    writePostOp(writer, image, inode);
    writeHyper(writer, image.index.totalBytes);
    writeHyper(writer, 0);
    writeHyper(writer, 0);
    writeHyper(writer, image.index.inodeCount);
    writeHyper(writer, 0);
    writeHyper(writer, 0);
    writer.u32(invariantSeconds);
  };
}

function fsInfo(context: NfsContext): Procedure {
  return (args, { writer }, call) => {
    const handle = readHandle(args);
    args.expectEnd('FSINFO');
    const found = locate(context, handle, call);
    writer.u32(found.status);
    if (found.status !== nfsStatus.ok) return void writer.u32(0);
    writePostOp(writer, found.image, found.inode);
    const maxBytes = maxReadBytes[call.caller.transport];
    writer.u32(maxBytes).u32(maxBytes).u32(4096);
    writer.u32(maxWriteBytes).u32(maxWriteBytes).u32(4096);
    writer.u32(preferredFolderBytes);
    // maxfilesize 2^63-1 and a time granularity of 1 ns.
    writer.u32(0x7fff_ffff).u32(0xffff_ffff).u32(0).u32(1);
    writer.u32(fsProperties);
  };
}

function pathConf(context: NfsContext): Procedure {
  return (args, { writer }, call) => {
    const handle = readHandle(args);
    args.expectEnd('PATHCONF');
    const found = locate(context, handle, call);
    writer.u32(found.status);
    if (found.status !== nfsStatus.ok) return void writer.u32(0);
    writePostOp(writer, found.image, found.inode);
    // Most links, longest name; no_trunc, chown_restricted, case_insensitive, case_preserving.
    writer.u32(32_000).u32(255);
    for (const flag of [true, true, false, true]) writeBoolean(writer, flag);
  };
}
