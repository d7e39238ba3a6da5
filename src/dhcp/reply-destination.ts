import { formatIpv4 } from '../model/ipv4.ts';
import type { UdpPeer } from '../net/udp-channel.ts';
import type { DhcpPacket } from './packet.ts';

export type ReplyDestination =
  /** By the socket of our address: the client or relay has an address that can be reached. */
  | { readonly by: 'address'; readonly to: UdpPeer }
  /** By the socket of the interface: the client has no address yet, so nobody would answer an ARP request for it. */
  | { readonly by: 'interface'; readonly to: UdpPeer };

/**
 * RFC 2131 4.1, the one place that knows it: relays on the server's port; a client that has an address, there; everybody else,
 * and every NAK, by broadcast.
 */
export function replyDestination(
  request: DhcpPacket,
  kind: 'OFFER' | 'ACK' | 'NAK',
  ports: { server: number; client: number },
): ReplyDestination {
  if (request.giaddr !== 0) return { by: 'address', to: { address: formatIpv4(request.giaddr), port: ports.server } };
  if (kind !== 'NAK' && request.ciaddr !== 0) return { by: 'address', to: { address: formatIpv4(request.ciaddr), port: ports.client } };
  return { by: 'interface', to: { address: '255.255.255.255', port: ports.client } };
}
