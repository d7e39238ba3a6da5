import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';

/** The right of one hardware address to one IPv4 address for a time. Durable before its ACK leaves (RFC 2131 3.1, step 4). */
export interface Lease {
  readonly address: Ipv4;
  readonly subnet: string;
  /** Of the client hardware field: a machine shows many client-ids in one power-on, but one chaddr. */
  readonly mac: Mac;
  /** The client's host name where it sent one. */
  readonly hostName?: string;
  readonly state: 'bound' | 'released' | 'declined';
  /** Wall-clock milliseconds. No two leases of an address have the same: where the clock was set back, it is one more. */
  readonly grantedMs: number;
  readonly expiresMs: number;
}
