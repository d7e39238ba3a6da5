import type { ByteReader } from '../bytes/byte-reader.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { ByteReader as Reader } from '../bytes/byte-reader.ts';
import { WireError } from '../bytes/wire-error.ts';
import { readOpaque, writeOpaque } from './xdr.ts';

/** ONC RPC version 2 (RFC 5531). */

export const rpcVersion = 2;
export const messageType = { call: 0, reply: 1 } as const;
export const replyStatus = { accepted: 0, denied: 1 } as const;
export const acceptStatus = {
  success: 0,
  programUnavailable: 1,
  programMismatch: 2,
  procedureUnavailable: 3,
  garbageArguments: 4,
  systemError: 5,
} as const;
export const rejectStatus = { rpcMismatch: 0, authError: 1 } as const;
export const authStatus = { badCredential: 1, tooWeak: 5 } as const;
export const authFlavor = { none: 0, sys: 1 } as const;

/** RFC 5531 8.2: the body of a credential or verifier. */
const maxAuthBytes = 400;

export interface RpcCall {
  readonly xid: number;
  readonly rpcVersion: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly credentialFlavor: number;
  /** As it came; {@link decodeAuthSys} reads it where a procedure asks who calls. */
  readonly credential: Uint8Array;
}

/** Who the client says it is (AUTH_SYS, RFC 5531 appendix A): believed, as every NFS v3 server must. */
export interface AuthSys {
  readonly uid: number;
  readonly gid: number;
  readonly gids: readonly number[];
}

export const nobody: AuthSys = { uid: 65_534, gid: 65_534, gids: [] };

const noBytes = new Uint8Array();

/** Leaves the reader at the procedure's arguments. A call of another RPC version ends after that number: its rest has no known form. */
export function decodeCall(reader: ByteReader): RpcCall {
  const xid = reader.u32('xid');
  const type = reader.u32('message type');
  if (type !== messageType.call) throw new WireError('not-a-call', 4, `message type ${type} is no call`);
  const version = reader.u32('RPC version');
  if (version !== rpcVersion) {
    return { xid, rpcVersion: version, program: 0, version: 0, procedure: 0, credentialFlavor: 0, credential: noBytes };
  }
  const program = reader.u32('program');
  const programVersion = reader.u32('program version');
  const procedure = reader.u32('procedure');
  const credentialFlavor = reader.u32('credential');
  const credential = readOpaque(reader, maxAuthBytes, 'credential');
  reader.skip(4, 'verifier');
  readOpaque(reader, maxAuthBytes, 'verifier');
  return { xid, rpcVersion: version, program, version: programVersion, procedure, credentialFlavor, credential };
}

/** For clients: portmap registration and tests. */
export function encodeCall(writer: ByteWriter, call: Omit<RpcCall, 'rpcVersion'>): void {
  writer.u32(call.xid).u32(messageType.call).u32(rpcVersion).u32(call.program).u32(call.version).u32(call.procedure);
  writer.u32(call.credentialFlavor);
  writeOpaque(writer, call.credential);
  writer.u32(authFlavor.none).u32(0);
}

export function decodeAuthSys(credential: Uint8Array): AuthSys {
  const reader = new Reader(credential);
  reader.skip(4, 'stamp');
  readOpaque(reader, 255, 'machine name');
  const uid = reader.u32('uid');
  const gid = reader.u32('gid');
  const count = reader.u32('number of gids');
  if (count > 16) throw new WireError('too-long', reader.offset - 4, `${count} gids, at most 16 are allowed`);
  const gids = Array.from({ length: count }, () => reader.u32('gid'));
  reader.expectEnd('AUTH_SYS');
  return { uid, gid, gids };
}

export function encodeAuthSys(who: AuthSys, machineName: string): Uint8Array {
  const name = Buffer.from(machineName);
  const bytes = Buffer.alloc(4 + 4 + name.length + (-name.length & 3) + 12 + who.gids.length * 4);
  bytes.writeUInt32BE(name.length, 4);
  name.copy(bytes, 8);
  const numbers = [who.uid, who.gid, who.gids.length, ...who.gids];
  for (const [position, number] of numbers.entries()) bytes.writeUInt32BE(number, bytes.length - (numbers.length - position) * 4);
  return bytes;
}

/** Everything before the results; returns where the accept status stands, to be patched when the procedure fails. */
export function writeAccepted(writer: ByteWriter, xid: number, status: number): number {
  writer.u32(xid).u32(messageType.reply).u32(replyStatus.accepted).u32(authFlavor.none).u32(0).u32(status);
  return writer.length - 4;
}

export function writeRpcMismatch(writer: ByteWriter, xid: number): void {
  writer.u32(xid).u32(messageType.reply).u32(replyStatus.denied).u32(rejectStatus.rpcMismatch).u32(rpcVersion).u32(rpcVersion);
}

export function writeAuthError(writer: ByteWriter, xid: number, status: number): void {
  writer.u32(xid).u32(messageType.reply).u32(replyStatus.denied).u32(rejectStatus.authError).u32(status);
}
