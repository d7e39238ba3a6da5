import koffi from 'koffi';
import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid. */
const ucredBytes = 12;

type GetSockOpt = (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number;
let getsockopt: GetSockOpt | undefined;

/**
 * Who is at the other end of a unix socket (unix(7)): the kernel says so, as of its connect. Call it while the connection
 * is open. `undefined` where Node has no descriptor for it any more.
 */
export function peerUid(socket: Socket): number | undefined {
  const { fd } = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle ?? {};
  if (fd === undefined || fd < 0) return undefined;
  getsockopt ??= koffi.load(null).func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint8_t *)') as GetSockOpt;
  const value = Buffer.alloc(ucredBytes);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(ucredBytes);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) < 0)
    throw new Error(`the peer of a connection cannot be asked for: getsockopt: ${getSystemErrorName(-koffi.errno())}`);
  return value.readUInt32LE(4);
}
