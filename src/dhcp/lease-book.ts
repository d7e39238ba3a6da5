import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../model/ipv4.ts';
import type { Lease } from '../model/lease.ts';
import type { Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import { AddressRules, declineMs, type ClaimResult, type ClaimState, type OfferResult } from './address-rules.ts';
import { AddressSupply } from './address-supply.ts';
import type { AddressRights } from './boot-advisor.ts';
import { LeaseJournal } from './lease-journal.ts';
import type { LeaseStore, LeaseWrite } from './lease-store.ts';

export interface LeaseBookParts {
  readonly store: LeaseStore;
  readonly subnets: readonly Subnet[];
  readonly clock: Clock;
  readonly log: Log;
  /** Where other servers may give addresses out of the same store: another one for each. */
  readonly serverId?: string;
}

/** `taken`: another server on the same store was quicker. */
export type GrantResult = { readonly kind: 'granted'; readonly lease: Lease } | { readonly kind: 'taken'; readonly reason: string };

/** `in-use`: live traffic; force it, or look for the machine. `renewed`: its client got it again meanwhile. */
export type RemoveResult =
  | { readonly kind: 'removed'; readonly lease: Lease }
  | { readonly kind: 'in-use' | 'renewed'; readonly lease: Lease }
  | { readonly kind: 'none' };

/** A lease as people see it: one that ran out is neither bound nor declined. */
export type ListedLease = Omit<Lease, 'state'> & { readonly state: Lease['state'] | 'expired' };

/**
 * Who has which address, and by what right. A lease belongs to the hardware address: ROM, boot loader, kernel and DHCP client
 * of one machine have different client-ids and share it. Everything is in memory; the store is written behind it, and has the
 * last word where another server writes it too.
 */
export class LeaseBook {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #journal: LeaseJournal;
  readonly #supply: AddressSupply;
  readonly #rules: AddressRules;
  /** Whether other servers write the same store. */
  readonly isShared: boolean;
  #subnets: readonly Subnet[];
  #loading: Promise<void> | undefined;
  /** Written by other servers. */
  readonly #adopted = new WeakSet<Lease>();

  constructor(parts: LeaseBookParts) {
    const { store, subnets, clock, log } = parts;
    this.isShared = parts.serverId !== undefined;
    this.#subnets = subnets;
    this.#clock = clock;
    this.#log = log;
    this.#journal = new LeaseJournal({ store, clock, log, adopt: (leases) => this.#adopt(leases) });
    this.#supply = new AddressSupply(parts);
    this.#rules = new AddressRules(this.#supply, clock);
  }

  /** Reads what an earlier process left, once, and follows other servers; later calls wait for the same reading. */
  load(): Promise<void> {
    this.#loading ??= this.#journal.load((lease) => this.#supply.enter(lease));
    return this.#loading;
  }

  /** Resolves when nothing is on its way to the store any more. */
  idle(): Promise<void> {
    return this.#journal.idle();
  }

  /** Takes effect at once. Leases stay, also those of no subnet; pools are those of the subnets as they are now. */
  setSubnets(subnets: readonly Subnet[]): void {
    if (subnets === this.#subnets) return;
    this.#subnets = subnets;
    this.#supply.setSubnets(subnets);
  }

  /** The lease that was given on this address last; it may have run out, which does not say that its holder is gone. */
  leaseOf(address: Ipv4): Lease | undefined {
    const lease = this.#supply.leases.at(ipv4Number(address));
    return lease?.state === 'bound' ? lease : undefined;
  }

  /** The address that this hardware address got last, on whichever subnet. */
  addressOf(mac: Mac): Ipv4 | undefined {
    let newest: Lease | undefined;
    for (const { name } of this.#subnets) {
      const lease = this.#supply.leases.ofClient(name, mac);
      if (lease?.state === 'bound' && (newest === undefined || lease.grantedMs > newest.grantedMs)) newest = lease;
    }
    return newest?.address;
  }

  /** Whether it was another server on our store that gave the address to this client. */
  isElsewhere(mac: Mac, address: Ipv4): boolean {
    const lease = this.leaseOf(address);
    return lease?.mac === mac && this.#adopted.has(lease);
  }

  /** All of them in the order of addresses, history included. */
  list(): readonly ListedLease[] {
    const { leases } = this.#supply;
    const nowMs = this.#clock.now();
    const addresses = Uint32Array.from(leases.all(), ([address]) => address).sort();
    const list: ListedLease[] = [];
    for (const address of addresses) {
      const lease = leases.at(address);
      if (lease !== undefined) list.push(lease.state !== 'released' && lease.expiresMs <= nowMs ? { ...lease, state: 'expired' } : lease);
    }
    return list;
  }

  /** Chooses an address for a DISCOVER and holds it for a while (RFC 2131 4.3.1). */
  offer(mac: Mac, subnet: Subnet, wanted: number | undefined, rights: AddressRights): OfferResult {
    return this.#rules.offer(mac, subnet, wanted, rights);
  }

  /** What `offer` holds for this client just now. */
  offeredAddress(mac: Mac, subnet: Subnet): number | undefined {
    return this.#supply.offeredTo(mac, subnet);
  }

  /** The client took another server's offer: ours is free again (RFC 2131 4.3.2). */
  withdrawOffer(mac: Mac, subnet: Subnet): void {
    this.#supply.withdraw(mac, subnet.name);
  }

  /** Judges a DHCPREQUEST for one address. */
  claim(mac: Mac, subnet: Subnet, address: number, state: ClaimState, rights: AddressRights): ClaimResult {
    return this.#rules.claim(mac, subnet, address, state, rights);
  }

  /**
   * Binds the address and resolves when that is on disk: only then may the ACK be sent. When it rejects, nothing has changed
   * and the offer stands. Call it after `claim` said grant.
   */
  async grant(
    mac: Mac,
    subnet: Subnet,
    address: number,
    { hostName, leaseSeconds = subnet.leaseSeconds }: { readonly hostName?: string; readonly leaseSeconds?: number } = {},
  ): Promise<GrantResult> {
    const nowMs = this.#clock.now();
    const { leases } = this.#supply;
    const before = leases.at(address);
    const lease: Lease = {
      address: formatIpv4(address),
      subnet: subnet.name,
      mac,
      state: 'bound',
      grantedMs: after(before, nowMs),
      expiresMs: nowMs + leaseSeconds * 1000,
      ...(hostName === undefined ? {} : { hostName }),
    };
    const had = leases.ofClient(subnet.name, mac);
    const elsewhere = had !== undefined && had.address !== lease.address && had.state === 'bound' ? had : undefined;
    const left = elsewhere === undefined ? undefined : released(elsewhere, nowMs);
    this.#supply.withdraw(mac, subnet.name, address);
    if (left !== undefined) this.#supply.enter(left);
    this.#supply.enter(lease);
    let standing: readonly Lease[];
    try {
      standing = await this.#journal.commit([writeOf(lease, before), ...(left === undefined ? [] : [{ lease: left }])]);
    } catch (error) {
      this.#takeBack(lease, before);
      if (left !== undefined) this.#takeBack(left, elsewhere);
      this.#supply.offer(mac, subnet, address);
      throw error;
    }
    const other = standing.find((each) => each.address === lease.address);
    if (other === undefined || (other.mac === mac && other.expiresMs >= lease.expiresMs)) return { kind: 'granted', lease };
    // Its own, of another server a moment ago: that one is known now.
    if (other.mac === mac) return this.grant(mac, subnet, address, { leaseSeconds, ...(hostName !== undefined && { hostName }) });
    this.#supply.collided(address);
    return { kind: 'taken', reason: 'another server gave the address to another client' };
  }

  /** DHCPRELEASE: only the holder can, and it keeps a right to come back to the address. */
  release(mac: Mac, address: number): boolean {
    const lease = this.#supply.leases.at(address);
    if (lease === undefined || lease.mac !== mac || lease.state !== 'bound') return false;
    this.#record(released(lease, this.#clock.now()));
    return true;
  }

  /** DHCPDECLINE: somebody else answers on the address. Only its holder, or who it was offered to, can say so. */
  decline(mac: Mac, subnet: Subnet, address: number): boolean {
    const lease = this.#supply.leases.at(address);
    const holdsLease = lease?.mac === mac && lease.state === 'bound';
    if (!holdsLease && this.#supply.offeredTo(mac, subnet) !== address) return false;
    this.#supply.withdraw(mac, subnet.name, address);
    const nowMs = this.#clock.now();
    this.#record({
      address: formatIpv4(address),
      subnet: subnet.name,
      mac,
      state: 'declined',
      grantedMs: after(lease, nowMs),
      expiresMs: nowMs + declineMs,
    });
    return true;
  }

  /** An operator frees an address, as if its client had given it back. On disk when it resolves. */
  async remove(address: Ipv4, rights: AddressRights, { force = false } = {}): Promise<RemoveResult> {
    const lease = this.#supply.leases.at(ipv4Number(address));
    if (lease === undefined || lease.state === 'released') return { kind: 'none' };
    if (!force && rights.addressInUse(address)) return { kind: 'in-use', lease };
    const end = released(lease, this.#clock.now());
    this.#supply.enter(end);
    try {
      const [standing] = await this.#journal.commit([{ lease: end }]);
      return standing === undefined ? { kind: 'removed', lease } : { kind: 'renewed', lease: standing };
    } catch (error) {
      this.#takeBack(end, lease);
      throw error;
    }
  }

  /** Likewise all addresses of these clients, in use or not. Returns the leases that ended. */
  async removeOf(macs: ReadonlySet<Mac>, rights: AddressRights): Promise<readonly Lease[]> {
    const addresses = [...this.#supply.leases.all()].filter(([, { mac, state }]) => macs.has(mac) && state === 'bound');
    const results = await Promise.all(addresses.map(([, { address }]) => this.remove(address, rights, { force: true })));
    return results.flatMap((result) => (result.kind === 'removed' ? [result.lease] : []));
  }

  /** Up to `count` addresses to be probed before they are offered; each must come back by `probed`. */
  toProbe(subnet: Subnet, count: number, rights: AddressRights): readonly number[] {
    return this.#supply.toProbe(subnet, count, rights);
  }

  probed(subnet: Subnet, address: number, answered: boolean): void {
    this.#supply.pool(subnet)?.probed(address, answered);
  }

  /** Leases that stand in the store by another server's doing. */
  #adopt(leases: readonly Lease[]): void {
    for (const lease of leases) {
      const address = ipv4Number(lease.address);
      const known = this.#supply.leases.at(address);
      if (known !== undefined && known.mac === lease.mac && !isNews(lease, known)) continue;
      this.#supply.lose(lease, address);
      if (lease.state === 'bound') this.#supply.withdraw(lease.mac, lease.subnet, address);
      this.#supply.enter(lease);
      this.#adopted.add(lease);
    }
  }

  /** Into memory and, without anybody waiting for it, into the store. */
  #record(lease: Lease): void {
    const before = this.#supply.leases.at(ipv4Number(lease.address));
    this.#supply.enter(lease);
    this.#journal.commit([writeOf(lease, before)]).catch((error: unknown) => {
      this.#log.error({ err: error, address: lease.address, state: lease.state }, 'a lease could not be written');
    });
  }

  /** It was not written. What came over it meanwhile stays. */
  #takeBack(lease: Lease, before: Lease | undefined): void {
    const address = ipv4Number(lease.address);
    if (this.#supply.leases.at(address) !== lease) return;
    this.#supply.leases.delete(address);
    if (before !== undefined) this.#supply.enter(before);
  }
}

function released(lease: Lease, nowMs: number): Lease {
  return { ...lease, state: 'released', expiresMs: nowMs };
}

function writeOf(lease: Lease, before: Lease | undefined): LeaseWrite {
  return before === undefined || before.mac === lease.mac ? { lease } : { lease, over: before };
}

function after(before: Lease | undefined, nowMs: number): number {
  return Math.max(nowMs, (before?.grantedMs ?? 0) + 1);
}

/** Of two leases of one client on one address, a release is newer than what it ends. */
function isNews(lease: Lease, known: Lease): boolean {
  if (lease.grantedMs !== known.grantedMs) return lease.grantedMs > known.grantedMs;
  return known.state === 'bound' && lease.state !== 'bound';
}
