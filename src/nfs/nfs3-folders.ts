import type { ByteReader } from '../bytes/byte-reader.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { inodeKinds } from '../model/image-index.ts';
import type { ServedImage } from './export-table.ts';
import { handleBytes } from './file-handle.ts';
import { accessBits, isGranted, locate, type NfsContext, writePostOp } from './nfs3-files.ts';
import { attributeBytes, nfsStatus, readHandle } from './nfs3-types.ts';
import type { Call, Procedure } from './rpc-dispatcher.ts';
import { padding, readHyper, writeBoolean, writeOpaque } from './xdr.ts';

/**
 * READDIR and READDIRPLUS (RFC 1813 3.3.16, 3.3.17). The cookie of an entry is its place in the folder: 1 for `.`, 2 for
 * `..`, then the index's order. Images never change, so a cookie is good for ever and the verifier need not be compared.
 */

const verifierBytes = 8;
/** Of one answer, whatever the client asks: it is encoded in memory. */
const maxFolderBytes = { tcp: 256 * 1024, udp: 32 * 1024 } as const;
/** Status, folder attributes, verifier; and the end of the list. */
const frameBytes = 4 + 4 + attributeBytes + verifierBytes + 8;
const dot = Buffer.from('.');
const dotDot = Buffer.from('..');

export const folderProcedures = (context: NfsContext): Readonly<Record<number, Procedure>> => ({
  16: (args, { writer }, call) => {
    const handle = readHandle(args);
    const cookie = readCookie(args);
    args.skip(verifierBytes, 'cookie verifier');
    const maxBytes = args.u32('count');
    args.expectEnd('READDIR');
    writeFolder(context, writer, call, { handle, cookie, maxBytes, maxNamesBytes: maxBytes, isPlus: false });
  },
  17: (args, { writer }, call) => {
    const handle = readHandle(args);
    const cookie = readCookie(args);
    args.skip(verifierBytes, 'cookie verifier');
    const maxNamesBytes = args.u32('dircount');
    const maxBytes = args.u32('maxcount');
    args.expectEnd('READDIRPLUS');
    writeFolder(context, writer, call, { handle, cookie, maxBytes, maxNamesBytes, isPlus: true });
  },
});

interface FolderRequest {
  readonly handle: Uint8Array;
  /** The last entry that the client has; 0 at the start. */
  readonly cookie: number;
  /** Of the whole result. */
  readonly maxBytes: number;
  /** Of names, fileids and cookies alone. */
  readonly maxNamesBytes: number;
  readonly isPlus: boolean;
}

/** Our cookies have 31 bits: one beyond them is no entry of ours and counts as behind the last. */
function readCookie(args: ByteReader): number {
  return readHyper(args, 'cookie');
}

function writeFolder(context: NfsContext, writer: ByteWriter, call: Call, request: FolderRequest): void {
  const found = locate(context, request.handle, call);
  if (found.status !== nfsStatus.ok) return void writer.u32(found.status).u32(0);
  const { image, inode: folder } = found;
  const { index } = image;
  const fail = (status: number): void => {
    writer.u32(status);
    writePostOp(writer, image, folder);
  };
  if (index.kind(folder) !== inodeKinds.folder) return fail(nfsStatus.notDirectory);
  if (!isGranted(index, folder, accessBits.read, call)) return fail(nfsStatus.access);

  const last = index.entryCount(folder) + 2;
  let roomBytes = Math.min(request.maxBytes, maxFolderBytes[call.caller.transport]) - frameBytes;
  let namesBytes = request.maxNamesBytes;
  let cookie = request.cookie;
  const start = writer.length;
  writer.u32(nfsStatus.ok);
  writePostOp(writer, image, folder);
  writer.bytes(image.handles.contentId.subarray(0, verifierBytes));
  while (cookie < last) {
    const position = cookie - 2;
    const name = cookie === 0 ? dot : cookie === 1 ? dotDot : index.entryName(folder, position);
    const nameBytes = 4 + 8 + 4 + name.length + padding(name.length) + 8;
    const entryBytes = nameBytes + (request.isPlus ? 4 + attributeBytes + 4 + 4 + handleBytes : 0);
    if (entryBytes > roomBytes || (nameBytes > namesBytes && cookie !== request.cookie)) break;
    roomBytes -= entryBytes;
    namesBytes -= nameBytes;
    cookie++;
    const inode = cookie === 1 ? folder : cookie === 2 ? index.parent(folder) : index.entryInode(folder, position);
    writer.u32(1).u32(0).u32(inode);
    writeOpaque(writer, name);
    writer.u32(0).u32(cookie);
    if (request.isPlus) writePlus(writer, image, inode);
  }
  if (cookie === request.cookie && cookie < last) {
    writer.truncate(start);
    return fail(nfsStatus.tooSmall);
  }
  writer.u32(0);
  writeBoolean(writer, cookie >= last);
}

function writePlus(writer: ByteWriter, image: ServedImage, inode: number): void {
  writePostOp(writer, image, inode);
  writer.u32(1);
  image.handles.write(writer, inode);
}
