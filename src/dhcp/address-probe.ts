import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import { formatIpv4, type Ipv4 } from '../model/ipv4.ts';
import type { Subnet } from '../model/subnet.ts';
import type { NeighbourTable } from '../net/neighbour-table.ts';
import type { UdpChannel, UdpNetwork } from '../net/udp-channel.ts';
import type { BootAdvisor } from './boot-advisor.ts';
import type { LeaseBook } from './lease-book.ts';

/** How many probed addresses wait in each pool; the neighbour table of the kernel holds 1,024 entries in all. */
const READY = 32;
const ROUND_MS = 2000;
/** The kernel asks three times, a second apart; whoever lives answers the first. */
const ANSWER_MS = 1200;
/** The kernel's word may be of a host that left long ago: it takes it back after 5 seconds of doubt and three questions. */
const SECOND_LOOK_MS = 9000;
/** The discard service: whether anybody listens there does not matter, the kernel's ARP question does. */
const DISCARD_PORT = 9;

interface Probe {
  readonly subnet: Subnet;
  readonly address: number;
}

export interface AddressProbeParts {
  readonly subnets: readonly Subnet[];
  readonly advisor: BootAdvisor;
  readonly book: LeaseBook;
  readonly network: UdpNetwork;
  readonly neighbours: NeighbourTable;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Finds out, ahead of time and beside the answers, which pool addresses are silent (RFC 2131 2.2 wants a probe before an
 * offer, but no ROM waits for one): a datagram makes the kernel ask by ARP, the neighbour table has the answer.
 */
export class AddressProbe {
  readonly #parts: AddressProbeParts;
  readonly #channels = new Map<Ipv4, UdpChannel>();
  #subnets: readonly Subnet[];
  #changes: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;

  constructor(parts: AddressProbeParts) {
    this.#parts = parts;
    this.#subnets = parts.subnets;
  }

  async start(): Promise<void> {
    for (const { serverAddress } of this.#pooled) await this.#open(serverAddress);
    this.#round();
  }

  /** From the next round on. Where our address cannot be had, nothing is probed: the server says so. */
  setSubnets(subnets: readonly Subnet[]): Promise<void> {
    this.#subnets = subnets;
    this.#changes = this.#changes.then(() => this.#follow());
    return this.#changes;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#changes;
    await Promise.all([...this.#channels.values()].map((channel) => channel.close()));
    this.#channels.clear();
  }

  async #follow(): Promise<void> {
    if (this.#timer === undefined) return; // closed
    const wanted = new Set(this.#pooled.map(({ serverAddress }) => serverAddress));
    const unused = [...this.#channels].filter(([address]) => !wanted.has(address));
    for (const [address, channel] of unused) {
      this.#channels.delete(address);
      await channel.close();
    }
    for (const address of wanted) await this.#open(address).catch(() => {});
  }

  get #pooled(): readonly Subnet[] {
    return this.#subnets.filter(({ mode, pool }) => mode === 'authoritative' && pool !== undefined);
  }

  async #open(address: Ipv4): Promise<void> {
    if (this.#channels.has(address)) return;
    const channel = await this.#parts.network.bindAddress(address, 0);
    channel.onError(() => {}); // a silent address is unreachable after three questions: that is the good case
    this.#channels.set(address, channel);
  }

  #round(): void {
    const { book, advisor, clock } = this.#parts;
    const asked = this.#pooled.flatMap((subnet) => book.toProbe(subnet, READY, advisor).map((address) => ({ subnet, address })));
    const poke = Uint8Array.of(0);
    for (const { subnet, address } of asked)
      this.#channels.get(subnet.serverAddress)?.send(poke, { address: formatIpv4(address), port: DISCARD_PORT });
    this.#timer = asked.length === 0 ? clock.after(ROUND_MS, () => this.#round()) : clock.after(ANSWER_MS, () => this.#judge(asked));
  }

  #judge(asked: readonly Probe[]): void {
    const answered = this.#neighbours();
    const suspects = asked.filter(({ address }) => answered.has(formatIpv4(address)));
    for (const { subnet, address } of asked) if (!answered.has(formatIpv4(address))) this.#parts.book.probed(subnet, address, false);
    this.#timer =
      suspects.length === 0
        ? this.#parts.clock.after(ROUND_MS, () => this.#round())
        : this.#parts.clock.after(SECOND_LOOK_MS, () => this.#confirm(suspects));
  }

  #confirm(suspects: readonly Probe[]): void {
    const { book, clock, log } = this.#parts;
    const answered = this.#neighbours();
    for (const { subnet, address } of suspects) {
      const mac = answered.get(formatIpv4(address));
      if (mac !== undefined)
        log.warn({ subnet: subnet.name, address: formatIpv4(address), mac }, 'a pool address is in use by a host without a lease');
      book.probed(subnet, address, mac !== undefined);
    }
    this.#timer = clock.after(ROUND_MS, () => this.#round());
  }

  #neighbours(): ReadonlyMap<Ipv4, string> {
    try {
      return this.#parts.neighbours.neighbours();
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'the neighbour table cannot be read; pool addresses are offered without a probe');
      return new Map();
    }
  }
}
