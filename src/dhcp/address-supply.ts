import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { broadcastAddress, formatIpv4, ipv4Number } from '../model/ipv4.ts';
import type { Lease } from '../model/lease.ts';
import type { Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import { AddressPool } from './address-pool.ts';
import type { AddressRights } from './boot-advisor.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { LeaseIndex } from './lease-index.ts';
import { OfferTable } from './offer-table.ts';

/** A ROM may take its time between two of its requests. */
const OFFER_HOLD_MS = 60_000;
/** How often addresses that could not be given are looked at again when a pool is used up. */
const RECONSIDER_MS = 5000;
/** Offers of before the last jump can still meet another server's. */
const JUMP_MS = 5000;

export interface AddressSupplyParts {
  readonly subnets: readonly Subnet[];
  readonly clock: Clock;
  readonly log: Log;
  /** Says where in the pools this server begins; without it, it is the only one. */
  readonly serverId?: string;
}

/** Which addresses are free: neither leased, nor offered, nor kept for somebody, nor in use. */
export class AddressSupply {
  readonly leases = new LeaseIndex();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #place: number | undefined;
  #pools = new Map<string, AddressPool>();
  #excluded = new Set<number>();
  readonly #offers = new OfferTable(OFFER_HOLD_MS);
  readonly #expiries = new ExpiryQueue();
  readonly #reconsideredMs = new Map<string, number>();
  #jumpedMs = Number.NEGATIVE_INFINITY;

  constructor({ subnets, clock, log, serverId }: AddressSupplyParts) {
    this.#clock = clock;
    this.#log = log;
    if (serverId !== undefined) this.#place = createHash('sha256').update(serverId).digest().readUInt32BE() / 2 ** 32;
    this.setSubnets(subnets);
  }

  /** Pools whose range stays go on as they are. Leases outside of all of them are history. */
  setSubnets(subnets: readonly Subnet[]): void {
    this.leases.setSubnets(subnets);
    this.#excluded = new Set(subnets.flatMap(neverGiven));
    const before = this.#pools;
    this.#pools = new Map();
    for (const { name, pool } of subnets) {
      if (pool === undefined) continue;
      const [first, last] = [ipv4Number(pool.first), ipv4Number(pool.last)];
      const old = before.get(name);
      this.#pools.set(name, old?.first === first && old.last === last ? old : this.#newPool(first, last));
    }
  }

  pool(subnet: Subnet): AddressPool | undefined {
    return this.#pools.get(subnet.name);
  }

  /** Our own, the router's, the network's: nobody's to have. */
  isExcluded(address: number): boolean {
    return this.#excluded.has(address);
  }

  offeredTo(mac: Mac, subnet: Subnet): number | undefined {
    return this.#offers.addressFor(subnet.name, mac);
  }

  /** Keeps the address for the client for a while, in place of what it was offered before. */
  offer(mac: Mac, subnet: Subnet, address: number): void {
    const before = this.#offers.addressFor(subnet.name, mac);
    this.#poolAt(address)?.use(address);
    this.#offers.hold(subnet.name, mac, address, this.#clock.monotonic());
    if (before !== undefined && before !== address) this.giveBack(before);
  }

  /** Forgets what the client was offered; free again unless it is `taken` now. */
  withdraw(mac: Mac, subnet: string, taken?: number): void {
    const offered = this.#offers.drop(subnet, mac);
    if (offered !== undefined && offered !== taken) this.giveBack(offered);
  }

  /** Another server gave the address away: whoever it was offered to here does not get it. */
  lose({ mac, subnet }: Lease, address: number): void {
    const isHis = this.#offers.addressFor(subnet, mac) === address;
    if (this.#offers.dropAddress(address) && !isHis) this.collided(address);
  }

  /** Two servers gave or offered one address to two clients: they are at the same place of the pool. */
  collided(address: number): void {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#jumpedMs < JUMP_MS) return;
    this.#jumpedMs = nowMs;
    this.#poolAt(address)?.jump();
  }

  giveBack(address: number): void {
    this.#poolAt(address)?.giveBack(address);
  }

  /** A lease takes effect: in place of what its address had. */
  enter(lease: Lease): void {
    const address = ipv4Number(lease.address);
    this.leases.put(lease);
    const pool = this.#poolAt(address);
    pool?.declined.delete(address);
    if (lease.state === 'released') return pool?.giveBack(address);
    pool?.use(address);
    this.#expiries.add(address, lease.expiresMs);
    if (lease.state !== 'declined' || pool === undefined) return;
    const tooMany = pool.declined.add(address, lease.mac);
    if (tooMany === undefined) return;
    this.leases.overrule(tooMany, this.#clock.now());
    pool.giveBack(tooMany);
  }

  isMineOrFree(address: number, mac: Mac, subnet: Subnet, rights: AddressRights): boolean {
    if (this.#offers.addressFor(subnet.name, mac) === address) return this.#isUnused(address, mac, rights);
    return !this.#offers.isHeld(address) && this.#isUnused(address, mac, rights);
  }

  isFree(address: number, rights: AddressRights): boolean {
    return !this.#offers.isHeld(address) && this.#isUnused(address, undefined, rights);
  }

  /** One that nobody has: rather than none, one that was declined long ago. */
  fresh(mac: Mac, subnet: Subnet, pool: AddressPool, rights: AddressRights): number | undefined {
    const isFree = (address: number): boolean => this.isFree(address, rights);
    const address = pool.take(isFree, this.#hadBefore);
    if (address !== undefined) return address;
    const nowMs = this.#clock.monotonic();
    const reconsider = nowMs - (this.#reconsideredMs.get(subnet.name) ?? Number.NEGATIVE_INFINITY) >= RECONSIDER_MS;
    if (reconsider) {
      this.#reconsideredMs.set(subnet.name, nowMs);
      pool.reconsider();
    }
    const second = (reconsider ? pool.take(isFree, this.#hadBefore) : undefined) ?? this.#takeDeclined(pool, rights);
    if (second === undefined && reconsider) this.#log.warn({ subnet: subnet.name, mac }, 'no free address in the pool');
    return second;
  }

  /** Up to `count` addresses to be probed before they are offered; each must come back by the pool's `probed`. */
  toProbe(subnet: Subnet, count: number, rights: AddressRights): readonly number[] {
    this.collect();
    const pool = this.pool(subnet);
    const addresses: number[] = [];
    if (pool === undefined) return addresses;
    while (addresses.length + pool.readyCount < count) {
      const address = pool.takeForProbe((candidate) => this.isFree(candidate, rights), this.#hadBefore);
      if (address === undefined) break;
      addresses.push(address);
    }
    return addresses;
  }

  /** Gives back what ran out: a few steps for each that did, none for the others. */
  collect(): void {
    const nowMs = this.#clock.monotonic();
    for (let address = this.#offers.popExpired(nowMs); address !== undefined; address = this.#offers.popExpired(nowMs))
      this.giveBack(address);
    const wallMs = this.#clock.now();
    for (let address = this.#expiries.popDue(wallMs); address !== undefined; address = this.#expiries.popDue(wallMs)) {
      const lease = this.leases.at(address);
      if (lease === undefined) continue;
      if (lease.expiresMs > wallMs) this.#expiries.add(address, lease.expiresMs);
      else {
        const pool = this.#poolAt(address);
        pool?.declined.delete(address);
        pool?.giveBack(address);
      }
    }
  }

  readonly #hadBefore = (address: number): boolean => this.leases.at(address) !== undefined;

  #newPool(first: number, last: number): AddressPool {
    const pool = new AddressPool(first, last, this.#place);
    const nowMs = this.#clock.now();
    for (const [address, { mac, state, expiresMs }] of this.leases.all())
      if (state === 'declined' && expiresMs > nowMs && pool.contains(address)) pool.declined.add(address, mac);
    return pool;
  }

  /** The one that was declined longest ago, rather than none: perhaps its other host is gone, perhaps there never was one. */
  #takeDeclined(pool: AddressPool, rights: AddressRights): number | undefined {
    const address = pool.declined.take((candidate) => {
      const text = formatIpv4(candidate);
      return !this.#offers.isHeld(candidate) && !rights.isReserved(text) && !rights.addressInUse(text);
    });
    if (address !== undefined) this.leases.overrule(address, this.#clock.now());
    return address;
  }

  /** Nobody but `mac` has it: by a lease, by a reservation, or by using it whatever its lease says. */
  #isUnused(address: number, mac: Mac | undefined, rights: AddressRights): boolean {
    if (this.#excluded.has(address)) return false;
    const lease = this.leases.at(address);
    if (lease !== undefined && lease.mac === mac && lease.state === 'bound') return true;
    if (lease !== undefined && lease.state !== 'released' && lease.expiresMs > this.#clock.now()) return false;
    const text = formatIpv4(address);
    return !rights.isReserved(text) && !rights.addressInUse(text);
  }

  #poolAt(address: number): AddressPool | undefined {
    for (const pool of this.#pools.values()) if (pool.contains(address)) return pool;
    return undefined;
  }
}

function neverGiven({ cidr, serverAddress, router }: Subnet): readonly number[] {
  return [cidr.network, broadcastAddress(cidr), ipv4Number(serverAddress), ...(router === undefined ? [] : [ipv4Number(router)])];
}
