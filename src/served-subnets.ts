import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { ObjectBook } from './machines/object-book.ts';
import { type NetworkInterfaces, resolveSubnet, resolveSubnets } from './machines/server-addresses.ts';
import type { Subnet } from './model/subnet.ts';
import { watchAddresses } from './service/address-watch.ts';

export interface ServedSubnetsParts {
  readonly objects: ObjectBook;
  readonly interfaces: () => NetworkInterfaces;
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
    resolveSubnets(this.#parts.objects.current.subnets, this.#parts.interfaces());
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
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  #resolve(): void {
    const { objects, interfaces, log } = this.#parts;
    const present = interfaces();
    this.#watched.clear();
    const before = new Map(this.#unserved);
    this.#unserved.clear();
    this.#current = objects.current.subnets.flatMap((configured) => {
      this.#watched.add(configured.interface);
      const resolved = resolveSubnet(configured, present);
      if (resolved.kind === 'served') return resolved.subnet;
      const { name, reason } = resolved;
      this.#unserved.set(name, reason);
      if (before.get(name) !== reason) log.error({ subnet: name, reason }, 'a subnet is not served');
      return [];
    });
  }
}
