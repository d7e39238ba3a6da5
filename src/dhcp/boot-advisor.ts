import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';

/** Whose an address is, beyond what the lease book knows. Asked on the way of a packet: memory only, no waiting. */
export interface AddressRights {
  /** The address kept for this hardware address on this subnet. */
  reservedAddress(mac: Mac, subnet: Subnet): Ipv4 | undefined;
  /** Kept for some machine, whichever. */
  isReserved(address: Ipv4): boolean;
  /** Live NFS traffic, or an attempt that is up: never to be given to anybody else, whatever its lease says. */
  addressInUse(address: Ipv4): boolean;
}

/** Says what a client boots. */
export interface BootAdvisor extends AddressRights {
  advise(client: BootClient, subnet: Subnet, message: 'DISCOVER' | 'REQUEST' | 'INFORM'): BootDecision;
}
