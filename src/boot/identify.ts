import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';

/** Who may stand behind an address. Both answer at once, from memory. */
export interface ClientLookup {
  /** The owner of the lease on this address. */
  leaseOwner(address: Ipv4): Mac | undefined;
  /** The kernel's neighbour table, for clients on a subnet that we are attached to. */
  neighbourMac(address: Ipv4): Mac | undefined;
}

/** A machine together with the NIC that speaks. */
export interface NamedClient {
  readonly machine: Machine;
  readonly mac: Mac;
}

export interface IdentityFacts extends ClientLookup {
  /** The machine of this MAC, one of a running attempt included. */
  machineOf(mac: Mac): Machine | undefined;
}

export type Identity =
  | (NamedClient & { readonly kind: 'machine'; readonly by: 'path' | 'lease' | 'neighbour' })
  /** Gets loaders and images, but nothing that was rendered. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** Two sources name two machines: refused, because a menu may hold a secret. */
  | { readonly kind: 'conflict'; readonly reason: string };

/**
 * Who asks for a file: the machine that the path names, else the owner of the address's lease, else the neighbour. A path
 * that names one machine, asked for by the address of another, is a conflict.
 * @param named what the path names by token, MAC or machine name
 */
export function identifyClient(address: Ipv4, named: NamedClient | undefined, facts: IdentityFacts): Identity {
  const leaseMac = facts.leaseOwner(address);
  const neighbourMac = facts.neighbourMac(address);
  const leaseMachine = leaseMac === undefined ? undefined : facts.machineOf(leaseMac);
  const neighbourMachine = neighbourMac === undefined ? undefined : facts.machineOf(neighbourMac);

  if (named !== undefined) {
    const { machine } = named;
    // The lease is of this attempt; the neighbour table may still hold the address's last owner.
    if (leaseMac !== undefined && leaseMachine?.name !== machine.name)
      return conflict(`the path names ${machine.name}, but ${address} is leased to ${whose(leaseMachine, leaseMac)}`);
    if (leaseMac === undefined && neighbourMac !== undefined && neighbourMachine?.name !== machine.name)
      return conflict(`the path names ${machine.name}, but ${address} is ${whose(neighbourMachine, neighbourMac)} on the wire`);
    return { kind: 'machine', ...named, by: 'path' };
  }
  if (leaseMachine !== undefined && leaseMac !== undefined) {
    if (neighbourMachine !== undefined && neighbourMachine.name !== leaseMachine.name)
      return conflict(`${address} is leased to ${leaseMachine.name}, but ${neighbourMachine.name} uses it on the wire`);
    return { kind: 'machine', machine: leaseMachine, mac: leaseMac, by: 'lease' };
  }
  if (leaseMac !== undefined) return { kind: 'unknown', reason: `${address} is leased to ${leaseMac}, which is no machine of ours` };
  if (neighbourMachine !== undefined && neighbourMac !== undefined)
    return { kind: 'machine', machine: neighbourMachine, mac: neighbourMac, by: 'neighbour' };
  return {
    kind: 'unknown',
    reason:
      neighbourMac === undefined
        ? `nobody knows ${address}: no lease, no neighbour`
        : `${address} is ${neighbourMac}, which is no machine of ours`,
  };
}

function conflict(reason: string): Identity {
  return { kind: 'conflict', reason };
}

function whose(machine: Machine | undefined, mac: Mac): string {
  return machine === undefined ? `${mac}, no machine of ours` : machine.name;
}
