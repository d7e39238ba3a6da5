import koffi from 'koffi';
import { setInterval } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import { allNodesAddress, encodeRouterAdvertisement } from './router-advertisement.ts';

/** Program of its own, because it must run inside the lab's namespace: sends an advertisement a second on the interface it is given. */
const AF_INET6 = 10;
const SOCK_RAW = 3;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_HOPS = 18;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
/** A link-local address exists only once the bridge has carrier and has checked that nobody else uses it (RFC 4862 5.4). */
const notYet = new Set(['EADDRNOTAVAIL', 'ENETUNREACH', 'ENETDOWN']);

const libc = koffi.load(null);
const socket = libc.func('int socket(int, int, int)');
const setsockopt = libc.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)');
const sendto = libc.func('int64_t sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)');
const interfaceIndex = libc.func('uint32_t if_nametoindex(const char *)');

function checked(syscall: string, result: number): number {
  if (result < 0) throw new Error(`${syscall}: ${getSystemErrorName(-koffi.errno())}`);
  return result;
}

const name = process.argv[2] ?? '';
const device = Buffer.from(`${name}\0`, 'latin1');
// RFC 4861 6.1.2: hosts drop an advertisement that crossed a router, so it must leave with 255 hops.
const hops = Buffer.alloc(4);
hops.writeInt32LE(255);
const fd = checked('socket', socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) as number);
checked('setsockopt', setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, device.length) as number);
checked('setsockopt', setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops, hops.length) as number);

const message = encodeRouterAdvertisement();
const everyone = allNodesAddress(interfaceIndex(name) as number);
for await (const _ of setInterval(1_000)) {
  if ((sendto(fd, message, message.length, 0, everyone, everyone.length) as number) >= 0) continue;
  const code = getSystemErrorName(-koffi.errno());
  if (!notYet.has(code)) throw new Error(`sendto ff02::1 on ${name}: ${code}`);
}
