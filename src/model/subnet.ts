import type { Cidr, Ipv4 } from './ipv4.ts';
import type { Parameters } from './machine.ts';

/**
 * How we answer DHCP on a subnet: `authoritative` hands out addresses and says no to wrong ones, `reserved` answers only
 * machines with a reservation, `proxy` adds boot options beside another server, `off` stays silent.
 */
export type SubnetMode = 'authoritative' | 'reserved' | 'proxy' | 'off';

/**
 * What a client gets that has no assignment: nothing, an address without boot files, the boot of a profile, or (`pending`) a
 * short lease and a menu that waits and asks again, until somebody assigns it.
 */
export type UnknownPolicy =
  | { readonly kind: 'ignore' }
  | { readonly kind: 'lease' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'profile'; readonly profile: string };

export interface Subnet {
  readonly name: string;
  readonly cidr: Cidr;
  /** The interface that we hear it on, such as `eth1`. */
  readonly interface: string;
  /** Our own address on it. */
  readonly serverAddress: Ipv4;
  readonly mode: SubnetMode;
  readonly pool?: { readonly first: Ipv4; readonly last: Ipv4 };
  readonly router?: Ipv4;
  readonly dnsServers: readonly Ipv4[];
  readonly domain?: string;
  /** Where boot files come from when it is not us. */
  readonly nextServer?: Ipv4;
  readonly leaseSeconds: number;
  readonly unknown: UnknownPolicy;
  /** Of clients that wait for an assignment; without it {@link defaultPendingLeaseSeconds}. */
  readonly pendingLeaseSeconds?: number;
  /** Values for templates; a profile's and a machine's win over them. */
  readonly parameters?: Parameters;
  /** Sent only where set: etherboot's 128 and 129 as text, 150 as addresses (RFC 5859). */
  readonly option128?: string;
  readonly option129?: string;
  readonly option150?: readonly Ipv4[];
}

/** Short, so that an address is soon free again when the client goes; long enough for several polls. */
export const defaultPendingLeaseSeconds = 120;
