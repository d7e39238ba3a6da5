import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Subnet } from '../model/subnet.ts';
import type { UdpChannel, UdpNetwork } from '../net/udp-channel.ts';

/** A subnet that is not answered, or not in every way, and why. */
export interface SubnetProblem {
  readonly subnet: string;
  readonly reason: string;
}

/** What a socket is bound to: an interface, whose broadcasts it hears, or one of our addresses. */
export type SocketPlace =
  | { readonly interface: string; readonly address?: undefined }
  | { readonly address: Ipv4; readonly interface?: undefined };

export interface SubnetSocketsParts {
  readonly network: UdpNetwork;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Sets the listeners of a new socket. */
  readonly listen: (channel: UdpChannel, place: SocketPlace) => void;
}

/** An interface may come later than the subnet that is on it. */
const RETRY_MS = 5000;

/** One socket an interface and one an address, for as many subnets as there are on them. */
export class SubnetSockets {
  readonly #parts: SubnetSocketsParts;
  readonly #interfaces = new Map<string, UdpChannel>();
  readonly #addresses = new Map<Ipv4, UdpChannel>();
  #wanted: readonly Subnet[] = [];
  #changes: Promise<unknown> = Promise.resolve();
  #retry: Timer | undefined;
  #closed = false;

  constructor(parts: SubnetSocketsParts) {
    this.#parts = parts;
  }

  /** Binds all. Rejects with BindFailure for the first that cannot be had; what is open then is closed by `close`. */
  async start(subnets: readonly Subnet[]): Promise<void> {
    this.#wanted = subnets;
    for (const subnet of subnets) await this.#open(subnet);
  }

  /** Binds what is new, and closes what no subnet uses any more: the others hear without a gap. Tries again what cannot be had. */
  setSubnets(subnets: readonly Subnet[]): Promise<readonly SubnetProblem[]> {
    this.#wanted = subnets;
    const change = this.#changes.then(() => this.#follow());
    this.#changes = change;
    return change;
  }

  onInterface(name: string): UdpChannel | undefined {
    return this.#interfaces.get(name);
  }

  onAddress(address: Ipv4): UdpChannel | undefined {
    return this.#addresses.get(address);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    await this.#changes;
    this.#wanted = [];
    await this.#closeUnused();
  }

  async #follow(): Promise<readonly SubnetProblem[]> {
    this.#retry?.cancel();
    if (this.#closed) return [];
    const problems: SubnetProblem[] = [];
    for (const subnet of this.#wanted) {
      try {
        await this.#open(subnet);
      } catch (error) {
        problems.push({ subnet: subnet.name, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    await this.#closeUnused();
    if (problems.length > 0 && !this.#closed) this.#retry = this.#parts.clock.after(RETRY_MS, () => this.#tryAgain(problems));
    return problems;
  }

  #tryAgain(before: readonly SubnetProblem[]): void {
    this.#changes = this.#changes.then(async () => {
      const left = await this.#follow();
      for (const { subnet } of before)
        if (!left.some((problem) => problem.subnet === subnet)) this.#parts.log.info({ subnet }, 'DHCP answers on the subnet now');
    });
  }

  async #open(subnet: Subnet): Promise<void> {
    const { network, port } = this.#parts;
    const { interface: name, serverAddress: address } = subnet;
    if (!this.#interfaces.has(name)) this.#interfaces.set(name, this.#listen(await network.bindInterface(name, port), { interface: name }));
    if (!this.#addresses.has(address)) this.#addresses.set(address, this.#listen(await network.bindAddress(address, port), { address }));
  }

  #listen(channel: UdpChannel, place: SocketPlace): UdpChannel {
    this.#parts.listen(channel, place);
    return channel;
  }

  async #closeUnused(): Promise<void> {
    const closing: Promise<void>[] = [];
    for (const [name, channel] of this.#interfaces) {
      if (this.#wanted.some((subnet) => subnet.interface === name)) continue;
      this.#interfaces.delete(name);
      closing.push(channel.close());
    }
    for (const [address, channel] of this.#addresses) {
      if (this.#wanted.some(({ serverAddress }) => serverAddress === address)) continue;
      this.#addresses.delete(address);
      closing.push(channel.close());
    }
    await Promise.all(closing);
  }
}
