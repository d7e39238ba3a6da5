import type { Clock } from '../clock.ts';
import { cidrContains, formatIpv4, ipv4Number, type Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import type { AddressPool } from './address-pool.ts';
import type { AddressSupply } from './address-supply.ts';
import type { AddressRights } from './boot-advisor.ts';

/** A declined address is left alone for so long; the RFC leaves it to us. */
export const declineMs = 10 * 60_000;
/** And for so long by the machine that it is reserved for: one DECLINE, which anybody can forge, must not keep it from booting. */
const RESERVED_DECLINE_MS = 10_000;

/** What may be given to a client that asks for any address. */
export type OfferResult = { readonly kind: 'address'; readonly address: number } | { readonly kind: 'none'; readonly reason: string };

/** What a client may have that asks for a certain one: `unknown` where RFC 2131 4.3.2 wants silence. */
export type ClaimResult = { readonly kind: 'grant' } | { readonly kind: 'refuse' | 'unknown'; readonly reason: string };

/** RFC 2131 4.3.2: what a DHCPREQUEST comes from. */
export type ClaimState = 'selecting' | 'init-reboot' | 'renewing';

/** Who may have which address: reservations first, then what the client had, then what it wishes, then any. */
export class AddressRules {
  readonly #supply: AddressSupply;
  readonly #clock: Clock;

  constructor(supply: AddressSupply, clock: Clock) {
    this.#supply = supply;
    this.#clock = clock;
  }

  /** Chooses an address for a DISCOVER and holds it for a while (RFC 2131 4.3.1). */
  offer(mac: Mac, subnet: Subnet, wanted: number | undefined, rights: AddressRights): OfferResult {
    this.#supply.collect();
    const choice = this.#choose(mac, subnet, wanted, rights);
    if (choice.kind === 'address') this.#supply.offer(mac, subnet, choice.address);
    return choice;
  }

  /** Judges a DHCPREQUEST for one address. */
  claim(mac: Mac, subnet: Subnet, address: number, state: ClaimState, rights: AddressRights): ClaimResult {
    if (!cidrContains(subnet.cidr, address) || this.#supply.isExcluded(address)) return refuse('the address is not of this subnet');
    const lease = this.#supply.leases.at(address);
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

  #choose(mac: Mac, subnet: Subnet, wanted: number | undefined, rights: AddressRights): OfferResult {
    const reserved = rights.reservedAddress(mac, subnet);
    if (reserved !== undefined) return this.#chooseReserved(mac, subnet, reserved, rights);
    if (subnet.mode === 'reserved') return none('no reservation on a subnet that has only reservations');
    const pool = this.#supply.pool(subnet);
    if (pool === undefined) return none('no reservation, and the subnet has no pool');
    const address =
      this.#known(mac, subnet, pool, rights) ?? this.#wanted(wanted, mac, pool, rights) ?? this.#supply.fresh(mac, subnet, pool, rights);
    return address === undefined ? none('no free address in the pool') : { kind: 'address', address };
  }

  #chooseReserved(mac: Mac, subnet: Subnet, reserved: Ipv4, rights: AddressRights): OfferResult {
    const address = ipv4Number(reserved);
    if (!cidrContains(subnet.cidr, address)) return none('the reserved address is not of this subnet');
    const obstacle = this.#obstacle(mac, address, rights);
    return obstacle === undefined ? { kind: 'address', address } : none(obstacle);
  }

  /** Why even the machine that an address is kept for cannot have it now. A stale lease of another machine is no reason. */
  #obstacle(mac: Mac, address: number, rights: AddressRights): string | undefined {
    const lease = this.#supply.leases.at(address);
    const ageMs = lease?.state === 'declined' ? this.#clock.now() - (lease.expiresMs - declineMs) : RESERVED_DECLINE_MS;
    if (ageMs >= 0 && ageMs < RESERVED_DECLINE_MS) return 'the reserved address was declined: another host answers on it';
    if (lease !== undefined && lease.mac !== mac && lease.state === 'bound' && rights.addressInUse(lease.address)) {
      return 'the reserved address is in live use by another machine';
    }
    return undefined;
  }

  #claimFromPool(mac: Mac, subnet: Subnet, address: number, state: ClaimState, rights: AddressRights): ClaimResult {
    if (this.#supply.pool(subnet)?.contains(address) !== true) return refuse('the address is not of the pool');
    if (!this.#supply.isMineOrFree(address, mac, subnet, rights)) return refuse('the address is taken');
    const own = this.#supply.leases.ofClient(subnet.name, mac);
    if (state !== 'init-reboot' || own?.address === formatIpv4(address)) return { kind: 'grant' };
    return own === undefined
      ? { kind: 'unknown', reason: 'no record of this client' }
      : refuse(`the address of this client is ${own.address}`);
  }

  /** What this client had, or else was offered: it gets that again. */
  #known(mac: Mac, subnet: Subnet, pool: AddressPool, rights: AddressRights): number | undefined {
    const lease = this.#supply.leases.ofClient(subnet.name, mac);
    const leased = lease === undefined ? undefined : ipv4Number(lease.address);
    return [leased, this.#supply.offeredTo(mac, subnet)].find(
      (address) =>
        address !== undefined &&
        pool.contains(address) &&
        !rights.isReserved(formatIpv4(address)) &&
        this.#supply.isMineOrFree(address, mac, subnet, rights),
    );
  }

  #wanted(wanted: number | undefined, mac: Mac, pool: AddressPool, rights: AddressRights): number | undefined {
    if (wanted === undefined || !pool.contains(wanted)) return undefined;
    const lease = this.#supply.leases.at(wanted);
    // An address that ran out stays its old client's as long as there are others.
    if (lease !== undefined && lease.mac !== mac) return undefined;
    return this.#supply.isFree(wanted, rights) ? wanted : undefined;
  }
}

function none(reason: string): OfferResult {
  return { kind: 'none', reason };
}

function refuse(reason: string): ClaimResult {
  return { kind: 'refuse', reason };
}
