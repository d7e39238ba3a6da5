import koffi from 'koffi';
import { getSystemErrorName } from 'node:util';
import { ipv4Number, type Ipv4 } from '../model/ipv4.ts';

/** Linux's numbers (asm-generic/socket.h); the same on x86-64 and arm64. */
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;

export interface SocketWish {
  readonly interface?: string;
  readonly address: Ipv4;
  readonly port: number;
  /** Joins sockets that are bound to this port already: only where they are known to be our own. */
  readonly join: boolean;
  readonly bufferBytes: number;
}

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
  interfaceIndex(name: string): number;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const library = koffi.load(null);
  loaded = {
    socket: library.func('int socket(int, int, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)'),
    bind: library.func('int bind(int, const uint8_t *, uint32_t)'),
    close: library.func('int close(int)'),
    interfaceIndex: library.func('uint32_t if_nametoindex(const char *)'),
  };
  return loaded;
}

/**
 * Makes, options and binds a UDP socket and returns its descriptor, which `dgram` adopts by `bind({ fd })`: Node itself
 * cannot bind to an interface. Throws an Error with the system's `code` and `syscall`.
 */
export function openUdpSocket(wish: SocketWish): number {
  const fd = checked('socket', libc().socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  try {
    if (wish.interface !== undefined) bindToDevice(fd, wish.interface);
    if (wish.join) setFlag(fd, SO_REUSEADDR);
    setFlag(fd, SO_BROADCAST);
    growBuffers(fd, wish.bufferBytes);
    const name = socketAddress(wish.address, wish.port);
    checked('bind', libc().bind(fd, name, name.length));
    // Only now: the bind itself had to fail where a stranger holds the port, but our own later sockets may share it.
    setFlag(fd, SO_REUSEADDR);
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** The kernel's number of an interface, or 0 where there is none: a re-created one has another number. */
export function interfaceIndex(name: string): number {
  return libc().interfaceIndex(name);
}

export function closeDescriptor(fd: number): void {
  libc().close(fd);
}

function bindToDevice(fd: number, name: string): void {
  const bytes = Buffer.from(`${name}\0`, 'latin1');
  checked('setsockopt', libc().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bytes, bytes.length));
}

function setFlag(fd: number, option: number): void {
  checked('setsockopt', setNumber(fd, option, 1));
}

/** A storm of 2,000 DISCOVERs overflows the default of 250 packets; more than rmem_max needs CAP_NET_ADMIN. */
function growBuffers(fd: number, bytes: number): void {
  if (setNumber(fd, SO_RCVBUFFORCE, bytes) < 0) checked('setsockopt', setNumber(fd, SO_RCVBUF, bytes));
  checked('setsockopt', setNumber(fd, SO_SNDBUF, bytes));
}

function setNumber(fd: number, option: number, value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return libc().setsockopt(fd, SOL_SOCKET, option, bytes, bytes.length);
}

/** struct sockaddr_in: the family in the machine's order, port and address in the network's. */
function socketAddress(address: Ipv4, port: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.writeUInt32BE(ipv4Number(address), 4);
  return bytes;
}

function checked(syscall: string, result: number): number {
  if (result >= 0) return result;
  const errno = koffi.errno();
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${syscall}: ${code}`), { code, errno: -errno, syscall });
}
