import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { broadcastAddress, cidrContains, formatIpv4, ipv4Number, type Ipv4 } from '../model/ipv4.ts';
import type { Lease } from '../model/lease.ts';
import type { Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import { AddressPool } from './address-pool.ts';
import type { AddressRights } from './boot-advisor.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { GroupCommit } from './group-commit.ts';
import type { LeaseStore } from './lease-store.ts';
import { OfferTable } from './offer-table.ts';

/** A ROM may take its time between two of its requests. */
const OFFER_HOLD_MS = 60_000;
/** A declined address is left alone for so long; the RFC leaves it to us. */
const DECLINE_MS = 10 * 60_000;
/** And for so long by the machine that it is reserved for: one DECLINE, which anybody can forge, must not keep it from booting. */
const RESERVED_DECLINE_MS = 10_000;
/** How often addresses that could not be given are looked at again when a pool is used up. */
const RECONSIDER_MS = 5000;

export interface LeaseBookParts {
  readonly store: LeaseStore;
  readonly subnets: readonly Subnet[];
  readonly clock: Clock;
  readonly log: Log;
}

/** What may be given to a client that asks for any address. */
export type OfferResult = { readonly kind: 'address'; readonly address: number } | { readonly kind: 'none'; readonly reason: string };

/** What a client may have that asks for a certain one: `unknown` where RFC 2131 4.3.2 wants silence. */
export type ClaimResult = { readonly kind: 'grant' } | { readonly kind: 'refuse' | 'unknown'; readonly reason: string };

/** RFC 2131 4.3.2: what a DHCPREQUEST comes from. */
export type ClaimState = 'selecting' | 'init-reboot' | 'renewing';

/**
 * Who has which address, and by what right. A lease belongs to the hardware address: ROM, boot loader, kernel and DHCP client
 * of one machine have different client-ids and share it. Everything is in memory; the store is written behind it.
 */
export class LeaseBook {
  readonly #store: LeaseStore;
  readonly #subnets: readonly Subnet[];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #commits: GroupCommit;
  readonly #byAddress = new Map<number, Lease>();
  /** The newest lease of a client on a subnet, whatever its state. */
  readonly #byClient = new Map<string, Lease>();
  readonly #pools = new Map<string, AddressPool>();
  readonly #excluded = new Set<number>();
  readonly #offers = new OfferTable(OFFER_HOLD_MS);
  readonly #expiries = new ExpiryQueue();
  readonly #reconsideredMs = new Map<string, number>();
  #loading: Promise<void> | undefined;

  constructor({ store, subnets, clock, log }: LeaseBookParts) {
    this.#store = store;
    this.#subnets = subnets;
    this.#clock = clock;
    this.#log = log;
    this.#commits = new GroupCommit(store);
    for (const subnet of subnets) {
      if (subnet.pool !== undefined)
        this.#pools.set(subnet.name, new AddressPool(ipv4Number(subnet.pool.first), ipv4Number(subnet.pool.last)));
      this.#excluded.add(subnet.cidr.network).add(broadcastAddress(subnet.cidr)).add(ipv4Number(subnet.serverAddress));
      if (subnet.router !== undefined) this.#excluded.add(ipv4Number(subnet.router));
    }
  }

  /** Reads what an earlier process left, once; later calls wait for the same reading. */
  load(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** Resolves when nothing is on its way to the store any more. */
  idle(): Promise<void> {
    return this.#commits.idle();
  }

  /** The lease that was given on this address last; it may have run out, which does not say that its holder is gone. */
  leaseOf(address: Ipv4): Lease | undefined {
    const lease = this.#byAddress.get(ipv4Number(address));
    return lease?.state === 'bound' ? lease : undefined;
  }

  /** The address that this hardware address got last, on whichever subnet. */
  addressOf(mac: Mac): Ipv4 | undefined {
    let newest: Lease | undefined;
    for (const subnet of this.#subnets) {
      const lease = this.#byClient.get(clientKey(subnet.name, mac));
      if (lease?.state === 'bound' && (newest === undefined || lease.grantedMs > newest.grantedMs)) newest = lease;
    }
    return newest?.address;
  }

  /** Chooses an address for a DISCOVER and holds it for a while (RFC 2131 4.3.1). */
  offer(mac: Mac, subnet: Subnet, wanted: number | undefined, rights: AddressRights): OfferResult {
    this.#collect();
    const reserved = rights.reservedAddress(mac, subnet);
    if (reserved !== undefined) return this.#offerReserved(mac, subnet, reserved, rights);
    if (subnet.mode === 'reserved') return { kind: 'none', reason: 'no reservation on a subnet that has only reservations' };
    const pool = this.#pools.get(subnet.name);
    if (pool === undefined) return { kind: 'none', reason: 'no reservation, and the subnet has no pool' };
    const address =
      this.#known(mac, subnet, pool, rights) ?? this.#wanted(wanted, mac, pool, rights) ?? this.#fresh(subnet, mac, pool, rights);
    if (address === undefined) return { kind: 'none', reason: 'no free address in the pool' };
    pool.use(address);
    const before = this.#offers.addressFor(subnet.name, mac);
    this.#offers.hold(subnet.name, mac, address, this.#clock.monotonic());
    if (before !== undefined && before !== address) pool.giveBack(before);
    return { kind: 'address', address };
  }

  /** What `offer` holds for this client just now. */
  offeredAddress(mac: Mac, subnet: Subnet): number | undefined {
    return this.#offers.addressFor(subnet.name, mac);
  }

  /** Judges a DHCPREQUEST for one address. */
  claim(mac: Mac, subnet: Subnet, address: number, state: ClaimState, rights: AddressRights): ClaimResult {
    if (!cidrContains(subnet.cidr, address) || this.#excluded.has(address)) return refuse('the address is not of this subnet');
    const lease = this.#byAddress.get(address);
    const isMine = lease?.mac === mac && lease.state === 'bound';
    // Its root hangs on this address (see addressInUse): a changed reservation waits for its next boot.
    if (isMine && state === 'renewing' && rights.addressInUse(formatIpv4(address))) return { kind: 'grant' };
    const reserved = rights.reservedAddress(mac, subnet);
    if (reserved !== undefined) {
      if (ipv4Number(reserved) !== address) return refuse(`the address of this machine is ${reserved}`);
      const obstacle = this.#obstacle(mac, address, rights);
      return obstacle === undefined ? { kind: 'grant' } : refuse(obstacle);
    }
    if (subnet.mode === 'reserved') return { kind: 'unknown', reason: 'no reservation on a subnet that has only reservations' };
    if (rights.isReserved(formatIpv4(address))) return refuse('the address is reserved for another machine');
    return this.#claimFromPool(mac, subnet, address, state, rights);
  }

  /**
   * Binds the address and resolves when that is on disk: only then may the ACK be sent. When it rejects, nothing has changed
   * and the offer stands. Call it after `claim` said grant.
   */
  async grant(mac: Mac, subnet: Subnet, address: number, hostName: string | undefined): Promise<Lease> {
    const nowMs = this.#clock.now();
    const lease: Lease = {
      address: formatIpv4(address),
      subnet: subnet.name,
      mac,
      state: 'bound',
      grantedMs: nowMs,
      expiresMs: nowMs + subnet.leaseSeconds * 1000,
      ...(hostName === undefined ? {} : { hostName }),
    };
    const before = this.#byAddress.get(address);
    const elsewhere = this.#byClient.get(clientKey(subnet.name, mac));
    const moved = elsewhere !== undefined && elsewhere.address !== lease.address && elsewhere.state === 'bound';
    const changes = moved ? [lease, { ...elsewhere, state: 'released' as const, expiresMs: nowMs }] : [lease];
    this.#unhold(mac, subnet, address);
    for (const change of changes.toReversed()) this.#enter(change);
    try {
      await this.#commits.add(changes);
    } catch (error) {
      this.#takeBack(lease, before, moved ? elsewhere : undefined);
      this.#offers.hold(subnet.name, mac, address, this.#clock.monotonic());
      throw error;
    }
    return lease;
  }

  /** DHCPRELEASE: only the holder can, and it keeps a right to come back to the address. */
  release(mac: Mac, address: number): boolean {
    const lease = this.#byAddress.get(address);
    if (lease === undefined || lease.mac !== mac || lease.state !== 'bound') return false;
    this.#record({ ...lease, state: 'released', expiresMs: this.#clock.now() });
    this.#pools.get(lease.subnet)?.giveBack(address);
    return true;
  }

  /** DHCPDECLINE: somebody else answers on the address. Only its holder, or who it was offered to, can say so. */
  decline(mac: Mac, subnet: Subnet, address: number): boolean {
    const lease = this.#byAddress.get(address);
    const holdsLease = lease?.mac === mac && lease.state === 'bound';
    if (!holdsLease && this.#offers.addressFor(subnet.name, mac) !== address) return false;
    this.#offers.drop(subnet.name, mac);
    const nowMs = this.#clock.now();
    this.#record({
      address: formatIpv4(address),
      subnet: subnet.name,
      mac,
      state: 'declined',
      grantedMs: nowMs,
      expiresMs: nowMs + DECLINE_MS,
    });
    return true;
  }

  /** Up to `count` addresses to be probed before they are offered; each must come back by `probed`. */
  toProbe(subnet: Subnet, count: number, rights: AddressRights): readonly number[] {
    this.#collect();
    const pool = this.#pools.get(subnet.name);
    const addresses: number[] = [];
    if (pool === undefined) return addresses;
    while (addresses.length + pool.readyCount < count) {
      const address = pool.takeForProbe((candidate) => this.#isFree(candidate, rights));
      if (address === undefined) break;
      addresses.push(address);
    }
    return addresses;
  }

  probed(subnet: Subnet, address: number, answered: boolean): void {
    this.#pools.get(subnet.name)?.probed(address, answered);
  }

  async #load(): Promise<void> {
    const leases = await this.#store.load();
    for (const lease of leases.toSorted((one, other) => one.grantedMs - other.grantedMs)) this.#enter(lease);
    this.#log.info({ leases: leases.length }, 'leases loaded');
  }

  #offerReserved(mac: Mac, subnet: Subnet, reserved: Ipv4, rights: AddressRights): OfferResult {
    const address = ipv4Number(reserved);
    if (!cidrContains(subnet.cidr, address)) return { kind: 'none', reason: 'the reserved address is not of this subnet' };
    const obstacle = this.#obstacle(mac, address, rights);
    if (obstacle !== undefined) return { kind: 'none', reason: obstacle };
    this.#offers.hold(subnet.name, mac, address, this.#clock.monotonic());
    return { kind: 'address', address };
  }

  /** Why even the machine that an address is kept for cannot have it now. A stale lease of another machine is no reason. */
  #obstacle(mac: Mac, address: number, rights: AddressRights): string | undefined {
    const lease = this.#byAddress.get(address);
    const ageMs = lease?.state === 'declined' ? this.#clock.now() - lease.grantedMs : RESERVED_DECLINE_MS;
    if (ageMs >= 0 && ageMs < RESERVED_DECLINE_MS) return 'the reserved address was declined: another host answers on it';
    if (lease !== undefined && lease.mac !== mac && lease.state === 'bound' && rights.addressInUse(lease.address)) {
      return 'the reserved address is in live use by another machine';
    }
    return undefined;
  }

  #claimFromPool(mac: Mac, subnet: Subnet, address: number, state: ClaimState, rights: AddressRights): ClaimResult {
    if (this.#pools.get(subnet.name)?.contains(address) !== true) return refuse('the address is not of the pool');
    if (!this.#isMineOrFree(address, mac, subnet, rights)) return refuse('the address is taken');
    const own = this.#byClient.get(clientKey(subnet.name, mac));
    if (state !== 'init-reboot' || own?.address === formatIpv4(address)) return { kind: 'grant' };
    return own === undefined
      ? { kind: 'unknown', reason: 'no record of this client' }
      : refuse(`the address of this client is ${own.address}`);
  }

  /** What this client had, or else was offered: it gets that again. */
  #known(mac: Mac, subnet: Subnet, pool: AddressPool, rights: AddressRights): number | undefined {
    const lease = this.#byClient.get(clientKey(subnet.name, mac));
    const leased = lease === undefined ? undefined : ipv4Number(lease.address);
    return [leased, this.#offers.addressFor(subnet.name, mac)].find(
      (address) =>
        address !== undefined &&
        pool.contains(address) &&
        !rights.isReserved(formatIpv4(address)) &&
        this.#isMineOrFree(address, mac, subnet, rights),
    );
  }

  #isMineOrFree(address: number, mac: Mac, subnet: Subnet, rights: AddressRights): boolean {
    if (this.#offers.addressFor(subnet.name, mac) === address) return this.#isUnused(address, mac, rights);
    return !this.#offers.isHeld(address) && this.#isUnused(address, mac, rights);
  }

  #wanted(wanted: number | undefined, mac: Mac, pool: AddressPool, rights: AddressRights): number | undefined {
    if (wanted === undefined || !pool.contains(wanted)) return undefined;
    const lease = this.#byAddress.get(wanted);
    // An address that ran out stays its old client's as long as there are others.
    if (lease !== undefined && lease.mac !== mac) return undefined;
    return this.#isFree(wanted, rights) ? wanted : undefined;
  }

  #fresh(subnet: Subnet, mac: Mac, pool: AddressPool, rights: AddressRights): number | undefined {
    const isFree = (address: number): boolean => this.#isFree(address, rights);
    const address = pool.take(isFree);
    if (address !== undefined) return address;
    const nowMs = this.#clock.monotonic();
    const reconsider = nowMs - (this.#reconsideredMs.get(subnet.name) ?? Number.NEGATIVE_INFINITY) >= RECONSIDER_MS;
    if (reconsider) {
      this.#reconsideredMs.set(subnet.name, nowMs);
      pool.reconsider();
    }
    const second = (reconsider ? pool.take(isFree) : undefined) ?? this.#takeDeclined(pool, rights);
    if (second === undefined && reconsider) this.#log.warn({ subnet: subnet.name, mac }, 'no free address in the pool');
    return second;
  }

  /** The one that was declined longest ago, rather than none: perhaps its other host is gone, perhaps there never was one. */
  #takeDeclined(pool: AddressPool, rights: AddressRights): number | undefined {
    const address = pool.declined.take((candidate) => {
      const text = formatIpv4(candidate);
      return !this.#offers.isHeld(candidate) && !rights.isReserved(text) && !rights.addressInUse(text);
    });
    if (address !== undefined) this.#byAddress.delete(address);
    return address;
  }

  #isFree(address: number, rights: AddressRights): boolean {
    return !this.#offers.isHeld(address) && this.#isUnused(address, undefined, rights);
  }

  /** Nobody but `mac` has it: by a lease, by a reservation, or by using it whatever its lease says. */
  #isUnused(address: number, mac: Mac | undefined, rights: AddressRights): boolean {
    if (this.#excluded.has(address)) return false;
    const lease = this.#byAddress.get(address);
    if (lease !== undefined && lease.mac === mac && lease.state === 'bound') return true;
    if (lease !== undefined && lease.state !== 'released' && lease.expiresMs > this.#clock.now()) return false;
    const text = formatIpv4(address);
    return !rights.isReserved(text) && !rights.addressInUse(text);
  }

  /** Gives back what ran out: a few steps for each that did, none for the others. */
  #collect(): void {
    const nowMs = this.#clock.monotonic();
    for (let address = this.#offers.popExpired(nowMs); address !== undefined; address = this.#offers.popExpired(nowMs))
      this.#giveBack(address);
    const wallMs = this.#clock.now();
    for (let address = this.#expiries.popDue(wallMs); address !== undefined; address = this.#expiries.popDue(wallMs)) {
      const lease = this.#byAddress.get(address);
      if (lease === undefined) continue;
      if (lease.expiresMs > wallMs) this.#expiries.add(address, lease.expiresMs);
      else {
        this.#pools.get(lease.subnet)?.declined.delete(address);
        this.#giveBack(address);
      }
    }
  }

  #giveBack(address: number): void {
    for (const pool of this.#pools.values()) pool.giveBack(address);
  }

  #unhold(mac: Mac, subnet: Subnet, address: number): void {
    const offered = this.#offers.drop(subnet.name, mac);
    if (offered !== undefined && offered !== address) this.#giveBack(offered);
  }

  /** Into memory and, without anybody waiting for it, into the store. */
  #record(lease: Lease): void {
    this.#enter(lease);
    this.#commits.add([lease]).catch((error: unknown) => {
      this.#log.error({ err: error, address: lease.address, state: lease.state }, 'a lease could not be written');
    });
  }

  #enter(lease: Lease): void {
    const address = ipv4Number(lease.address);
    const before = this.#byAddress.get(address);
    if (before !== undefined && before.mac !== lease.mac && this.#byClient.get(clientKey(before.subnet, before.mac)) === before) {
      this.#byClient.delete(clientKey(before.subnet, before.mac));
    }
    this.#byAddress.set(address, lease);
    if (lease.state === 'declined') this.#byClient.delete(clientKey(lease.subnet, lease.mac));
    else this.#byClient.set(clientKey(lease.subnet, lease.mac), lease);
    const pool = this.#pools.get(lease.subnet);
    pool?.declined.delete(address);
    if (lease.state === 'released') this.#giveBack(address);
    else {
      pool?.use(address);
      this.#expiries.add(address, lease.expiresMs);
    }
    if (lease.state !== 'declined' || pool?.contains(address) !== true) return;
    const tooMany = pool.declined.add(address, lease.mac);
    if (tooMany === undefined) return;
    this.#byAddress.delete(tooMany);
    this.#giveBack(tooMany);
  }

  #takeBack(lease: Lease, before: Lease | undefined, elsewhere: Lease | undefined): void {
    const address = ipv4Number(lease.address);
    if (this.#byAddress.get(address) !== lease) return;
    this.#byAddress.delete(address);
    this.#byClient.delete(clientKey(lease.subnet, lease.mac));
    if (before !== undefined) this.#enter(before);
    if (elsewhere !== undefined) this.#enter(elsewhere);
  }
}

function clientKey(subnet: string, mac: Mac): string {
  return `${subnet} ${mac}`;
}

function refuse(reason: string): ClaimResult {
  return { kind: 'refuse', reason };
}
