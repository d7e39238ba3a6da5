/** RFC 4861 4.2. */
const ROUTER_ADVERTISEMENT = 134;

/**
 * The shortest valid ICMPv6 router advertisement: no prefix, no DHCPv6, lifetime 0 (no default router). QEMU's iPXE waits
 * 13 s for any advertisement before it turns to TFTP; this ends the wait and configures nothing. The checksum is left to
 * the kernel (RFC 3542 3.1).
 */
export function encodeRouterAdvertisement(hopLimit = 64): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = ROUTER_ADVERTISEMENT;
  bytes[4] = hopLimit;
  return bytes;
}

/** struct sockaddr_in6 for ff02::1, all nodes, on one interface (Linux: family and scope id in the machine's order). */
export function allNodesAddress(interfaceIndex: number): Uint8Array {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(10, 0);
  bytes.set([0xff, 0x02], 8);
  bytes[23] = 1;
  bytes.writeUInt32LE(interfaceIndex, 24);
  return bytes;
}
