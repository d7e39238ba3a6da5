import { networkInterfaces } from 'node:os';
import type { Clock } from '../clock.ts';
import { cidrContains, ipv4Number, netmask } from '../model/ipv4.ts';
import type { Cidr, Ipv4 } from '../model/ipv4.ts';

const lookMs = 1000;
const mostKnown = 256;

interface Link {
  readonly name: string;
  readonly cidr: Cidr;
}

/** The networks that this machine is on, and was on: Node lists no interface that is down or has no carrier. */
export class OwnLinks {
  readonly #clock: Clock;
  readonly #interfaces: typeof networkInterfaces;
  readonly #known = new Map<string, Link>();
  #now: readonly Link[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, interfaces = networkInterfaces) {
    this.#clock = clock;
    this.#interfaces = interfaces;
    this.#look();
  }

  /** What keeps this machine itself from an address that it reached directly before; nothing of what lies behind a router. */
  problemTo(address: Ipv4): string | undefined {
    if (this.#clock.monotonic() - this.#lookedMs >= lookMs) this.#look();
    const holds = ({ cidr }: Link): boolean => cidrContains(cidr, ipv4Number(address));
    if (this.#now.some(holds)) return undefined;
    const lost = [...this.#known.values()].find(holds);
    return lost && `${lost.name} of this server, by which ${address} is reached, is down or has no carrier`;
  }

  #look(): void {
    this.#lookedMs = this.#clock.monotonic();
    this.#now = Object.entries(this.#interfaces()).flatMap(([name, addresses = []]) =>
      addresses.flatMap(({ family, address, cidr }) => {
        const prefixLength = Number(cidr?.split('/')[1]);
        if (family !== 'IPv4' || !Number.isInteger(prefixLength)) return [];
        return [{ name, cidr: { network: (ipv4Number(address) & netmask(prefixLength)) >>> 0, prefixLength } }];
      }),
    );
    if (this.#known.size > mostKnown) this.#known.clear();
    for (const link of this.#now) this.#known.set(`${link.name} ${link.cidr.network}/${link.cidr.prefixLength}`, link);
  }
}
