import { cidrContains, ipv4Number } from '../model/ipv4.ts';
import type { Lease } from '../model/lease.ts';
import type { Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';

/** All leases in memory, one an address, found by address and by client. */
export class LeaseIndex {
  readonly #byAddress = new Map<number, Lease>();
  readonly #byClient = new Map<string, Lease>();
  #subnets: readonly Subnet[] = [];

  get size(): number {
    return this.#byAddress.size;
  }

  at(address: number): Lease | undefined {
    return this.#byAddress.get(address);
  }

  /** The lease of a client on a subnet: the one that counts, or else the newest. */
  ofClient(subnet: string, mac: Mac): Lease | undefined {
    return this.#byClient.get(clientKey(subnet, mac));
  }

  /** By address. */
  all(): Iterable<readonly [number, Lease]> {
    return this.#byAddress.entries();
  }

  /** In place of what the address had. */
  put(lease: Lease): void {
    const address = ipv4Number(lease.address);
    this.delete(address);
    this.#byAddress.set(address, lease);
    this.#find(address, lease);
  }

  delete(address: number): void {
    const lease = this.#byAddress.get(address);
    if (lease === undefined) return;
    this.#byAddress.delete(address);
    const key = this.#keyOf(address, lease);
    if (this.#byClient.get(key) === lease) this.#byClient.delete(key);
  }

  /** Leaves it standing as what the store has, but neither its client nor anybody else is kept from or given the address by it. */
  overrule(address: number, nowMs: number): void {
    const lease = this.#byAddress.get(address);
    if (lease === undefined) return;
    this.delete(address);
    this.#byAddress.set(address, { ...lease, state: 'released', expiresMs: nowMs });
  }

  /** A lease is of the subnet that its address is on now, whatever the subnet was called when it was granted. */
  setSubnets(subnets: readonly Subnet[]): void {
    this.#subnets = subnets;
    this.#byClient.clear();
    for (const [address, lease] of this.#byAddress) this.#find(address, lease);
  }

  #find(address: number, lease: Lease): void {
    if (lease.state === 'declined') return;
    const key = this.#keyOf(address, lease);
    const other = this.#byClient.get(key);
    if (other === undefined || !outranks(other, lease)) this.#byClient.set(key, lease);
  }

  #keyOf(address: number, lease: Lease): string {
    const subnet = this.#subnets.find(({ cidr }) => cidrContains(cidr, address));
    return clientKey(subnet?.name ?? lease.subnet, lease.mac);
  }
}

function outranks(one: Lease, other: Lease): boolean {
  if ((one.state === 'bound') !== (other.state === 'bound')) return one.state === 'bound';
  return one.grantedMs > other.grantedMs;
}

function clientKey(subnet: string, mac: Mac): string {
  return `${subnet} ${mac}`;
}
