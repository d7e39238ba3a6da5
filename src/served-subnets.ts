import type { Clock } from './clock.ts';
import { ConfigError } from './documents/problems.ts';
import type { Log } from './log.ts';
import type { ObjectBook } from './machines/object-book.ts';
import { type NetworkInterfaces, resolveSubnet } from './machines/server-addresses.ts';
import type { ConfiguredSubnet } from './machines/objects.ts';
import type { Ipv4 } from './model/ipv4.ts';
import type { Subnet } from './model/subnet.ts';
import { watchAddresses } from './service/address-watch.ts';

export interface ServedSubnetsParts {
  readonly objects: ObjectBook;
  readonly interfaces: () => NetworkInterfaces;
  /** Whatever a socket can be bound to, also on an interface whose cable is out. */
  readonly ownAddresses: () => ReadonlySet<Ipv4>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The subnets that this server has an address on. It follows what is configured and what the kernel has: a subnet whose
 * interface comes up later is served from then on.
 */
export class ServedSubnets {
  readonly #parts: ServedSubnetsParts;
  /** Of all that are configured, also where they are not there. */
  readonly #watched = new Set<string>();
  readonly #unserved = new Map<string, string>();
  #current: readonly Subnet[] = [];
  #ends: readonly (() => void)[] = [];

  constructor(parts: ServedSubnetsParts) {
    this.#parts = parts;
    this.#resolve();
  }

  get current(): readonly Subnet[] {
    return this.#current;
  }

  /** Why the others are not served, by name. */
  get unserved(): ReadonlyMap<string, string> {
    return this.#unserved;
  }

  /** Throws ConfigError where one cannot be served: a person is there, and has just written them. */
  requireAll(): void {
    const problems = [...this.#unserved].map(([name, message]) => ({
      file: 'objects',
      line: 0,
      column: 0,
      path: `Subnet ${name}`,
      message,
    }));
    if (problems.length > 0) throw new ConfigError(problems);
  }

  /** Calls back with each other state from now on. */
  follow(onChange: (subnets: readonly Subnet[]) => void): void {
    const { objects, clock } = this.#parts;
    let { subnets } = objects.current;
    const look = (): void => {
      const before = JSON.stringify(this.#current);
      this.#resolve();
      if (JSON.stringify(this.#current) !== before) onChange(this.#current);
    };
    const addresses = watchAddresses(this.#watched, clock, () => {
      this.#resolve();
      onChange(this.#current);
    });
    const unsubscribe = objects.subscribe((snapshot) => {
      if (snapshot.subnets === subnets) return;
      ({ subnets } = snapshot);
      look();
    });
    this.#ends = [() => addresses.close(), unsubscribe];
    look();
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  #resolve(): void {
    const { objects, interfaces, ownAddresses, log } = this.#parts;
    const present = interfaces();
    const own = ownAddresses();
    const served = new Map(this.#current.map((subnet) => [subnet.name, subnet]));
    this.#watched.clear();
    const before = new Map(this.#unserved);
    this.#unserved.clear();
    this.#current = objects.current.subnets.flatMap((configured) => {
      this.#watched.add(configured.interface);
      const resolved = resolveSubnet(asServed(configured, served.get(configured.name), own), present);
      if (resolved.kind === 'served' && own.has(resolved.subnet.serverAddress)) return resolved.subnet;
      const { name } = configured;
      const reason =
        resolved.kind === 'unserved'
          ? resolved.reason
          : `serverAddress: expected an address that this machine has, found ${resolved.subnet.serverAddress}; it is served when it comes`;
      this.#unserved.set(name, reason);
      if (before.get(name) !== reason) log.error({ subnet: name, reason }, 'a subnet is not served');
      return [];
    });
  }
}

/** An interface without a carrier shows no address, and is served on as long as its address is there. */
function asServed(configured: ConfiguredSubnet, before: Subnet | undefined, own: ReadonlySet<Ipv4>): ConfiguredSubnet {
  const isSame =
    before?.interface === configured.interface &&
    before.cidr.network === configured.cidr.network &&
    before.cidr.prefixLength === configured.cidr.prefixLength;
  if (configured.serverAddress !== undefined || !isSame || !own.has(before.serverAddress)) return configured;
  return { ...configured, serverAddress: before.serverAddress };
}
