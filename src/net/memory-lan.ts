import type { Clock } from '../clock.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { UdpChannel, UdpNetwork, UdpPeer } from './udp-channel.ts';

const BROADCAST = '255.255.255.255';
const ANY = '0.0.0.0';
const FIRST_FREE_PORT = 49_152;

export interface LanPacket {
  readonly from: UdpPeer;
  readonly to: UdpPeer;
  readonly bytes: Uint8Array;
}

/** What the wire does to one packet; `late` delivers it after the next one that is sent. */
export type LanFault = 'deliver' | 'drop' | 'duplicate' | 'late';

export interface MemoryLanOptions {
  /** With a clock, packets take `delayMs` of its time; without one they arrive in the next microtask. */
  readonly clock?: Clock;
  readonly delayMs?: number;
}

/** One Ethernet segment in memory: hosts with one interface each, faults on demand, a record of what was sent. */
export class MemoryLan {
  /** Decides over each packet, by its number from 0. Replace it at any time. */
  fault: (packet: LanPacket, number: number) => LanFault = () => 'deliver';
  /** Everything that was sent, lost packets included. */
  readonly sent: LanPacket[] = [];
  readonly #channels = new Set<MemoryChannel>();
  readonly #clock: Clock | undefined;
  readonly #delayMs: number;
  #late: LanPacket[] = [];
  #nextPort = FIRST_FREE_PORT;

  constructor(options: MemoryLanOptions = {}) {
    this.#clock = options.clock;
    this.#delayMs = options.delayMs ?? 0;
  }

  /** A host on this segment. Without an address it sends from 0.0.0.0 and hears broadcasts only, as a booting machine does. */
  host(address: Ipv4 = ANY): UdpNetwork {
    const bind = (local: Ipv4, port: number, hearsBroadcasts: boolean): Promise<UdpChannel> => {
      const channel = new MemoryChannel(this, { address: local, port: port === 0 ? this.#nextPort++ : port }, hearsBroadcasts);
      this.#channels.add(channel);
      return Promise.resolve(channel);
    };
    return {
      bindInterface: (_name, port) => bind(address, port, true),
      bindAddress: (local, port) => {
        const taken = [...this.#channels].some(
          (channel) => !channel.hearsBroadcasts && channel.local.address === local && channel.local.port === port,
        );
        return taken ? Promise.reject(Object.assign(new Error('bind: EADDRINUSE'), { code: 'EADDRINUSE' })) : bind(local, port, false);
      },
    };
  }

  /** Resolves when every packet under way without a clock was delivered, and those that their listeners sent at once. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** For channels. */
  transmit(packet: LanPacket): void {
    const number = this.sent.push(packet) - 1;
    const overtaken = this.#late;
    this.#late = [];
    switch (this.fault(packet, number)) {
      case 'drop':
        break;
      case 'late':
        this.#late.push(packet);
        break;
      case 'duplicate':
        this.#carry(packet);
        this.#carry(packet);
        break;
      case 'deliver':
        this.#carry(packet);
    }
    for (const late of overtaken) this.#carry(late);
  }

  /** For channels. */
  leave(channel: MemoryChannel): void {
    this.#channels.delete(channel);
  }

  #carry(packet: LanPacket): void {
    if (this.#clock === undefined) queueMicrotask(() => this.#deliver(packet));
    else this.#clock.after(this.#delayMs, () => this.#deliver(packet));
  }

  #deliver({ from, to, bytes }: LanPacket): void {
    for (const channel of this.#receivers(from, to)) channel.receive(Uint8Array.from(bytes), from);
  }

  #receivers(from: UdpPeer, to: UdpPeer): readonly MemoryChannel[] {
    const listening = [...this.#channels].filter(({ local }) => local.port === to.port);
    const isSender = ({ local }: MemoryChannel): boolean => local.address === from.address && local.port === from.port;
    if (to.address === BROADCAST)
      return listening.filter((channel) => channel.hearsBroadcasts && !(isSender(channel) && from.address !== ANY));
    // As in the kernel: a socket on the very address is preferred to one on the interface.
    const exact = listening.filter(({ local }) => local.address === to.address);
    const unicast = exact.filter((channel) => !channel.hearsBroadcasts);
    return unicast.length > 0 ? unicast : exact;
  }
}

class MemoryChannel implements UdpChannel {
  readonly local: UdpPeer;
  readonly hearsBroadcasts: boolean;
  readonly #lan: MemoryLan;
  #open = true;
  #datagramListener: (bytes: Uint8Array, from: UdpPeer) => void = () => {};

  constructor(lan: MemoryLan, local: UdpPeer, hearsBroadcasts: boolean) {
    this.#lan = lan;
    this.local = local;
    this.hearsBroadcasts = hearsBroadcasts;
  }

  onDatagram(listener: (bytes: Uint8Array, from: UdpPeer) => void): void {
    this.#datagramListener = listener;
  }

  onError(): void {}

  send(bytes: Uint8Array, to: UdpPeer): void {
    if (this.#open) this.#lan.transmit({ from: this.local, to, bytes: Uint8Array.from(bytes) });
  }

  receive(bytes: Uint8Array, from: UdpPeer): void {
    if (this.#open) this.#datagramListener(bytes, from);
  }

  close(): Promise<void> {
    this.#open = false;
    this.#lan.leave(this);
    return Promise.resolve();
  }
}

/** Faults with given shares of all packets, the same for the same seed (mulberry32). */
export function seededFaults(shares: { loss?: number; duplicate?: number; late?: number }, seed: number): MemoryLan['fault'] {
  let state = seed >>> 0;
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const { loss = 0, duplicate = 0, late = 0 } = shares;
  return () => {
    const roll = random();
    if (roll < loss) return 'drop';
    if (roll < loss + duplicate) return 'duplicate';
    return roll < loss + duplicate + late ? 'late' : 'deliver';
  };
}
