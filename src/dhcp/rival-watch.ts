import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import { formatIpv4, type Ipv4 } from '../model/ipv4.ts';
import { macOfBytes, type Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import type { UdpChannel, UdpNetwork } from '../net/udp-channel.ts';
import { messageType, optionCode } from './option-code.ts';
import { readAddress, u8Value } from './option-value.ts';
import { BROADCAST_FLAG, decodeDhcp, encodeDhcp } from './packet.ts';

/** How long the client port is held and offers are waited for. */
const LISTEN_MS = 5000;

export interface RivalWatchParts {
  readonly subnets: readonly Subnet[];
  readonly network: UdpNetwork;
  readonly clock: Clock;
  readonly log: Log;
  readonly everyMs: number;
  /** One of our own other servers. */
  readonly isPeer: (server: Ipv4) => boolean;
  readonly ports: { readonly server: number; readonly client: number };
}

/**
 * Looks for other DHCP servers where we are authoritative. Their offers go to the client port, so a server never hears them:
 * now and then it has to ask as a client does.
 */
export class RivalWatch {
  /** The hardware address that asks; locally administered, so that it is no machine's. */
  readonly mac: Mac;
  readonly #chaddr = Uint8Array.of(0x02, ...randomBytes(5));
  readonly #parts: RivalWatchParts;
  readonly #listening = new Set<UdpChannel>();
  #subnets: readonly Subnet[];
  #timer: Timer | undefined;

  constructor(parts: RivalWatchParts) {
    this.#parts = parts;
    this.#subnets = parts.subnets;
    this.mac = macOfBytes(this.#chaddr);
  }

  start(): void {
    this.#timer = this.#parts.clock.after(LISTEN_MS, () => void this.#ask());
  }

  /** From the next question on. */
  setSubnets(subnets: readonly Subnet[]): void {
    this.#subnets = subnets;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#hangUp();
  }

  async #ask(): Promise<void> {
    const { clock, everyMs } = this.#parts;
    this.#timer = clock.after(LISTEN_MS, () => {
      this.#timer = clock.after(everyMs, () => void this.#ask());
      void this.#hangUp();
    });
    for (const subnet of this.#subnets) if (subnet.mode === 'authoritative') await this.#askOn(subnet);
  }

  async #askOn(subnet: Subnet): Promise<void> {
    const { network, ports, log } = this.#parts;
    try {
      const channel = await network.bindInterface(subnet.interface, ports.client);
      if (this.#timer === undefined) return await channel.close(); // closed meanwhile
      this.#listening.add(channel);
      channel.onError((error) => log.debug({ subnet: subnet.name, error: error.message }, 'the client port failed'));
      channel.onDatagram((bytes) => this.#hear(bytes, subnet));
      channel.send(this.#discover(), { address: '255.255.255.255', port: ports.server });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.info({ subnet: subnet.name, reason }, 'cannot look for other DHCP servers');
    }
  }

  #hear(bytes: Uint8Array, subnet: Subnet): void {
    const server = this.#rivalOf(bytes);
    if (server === undefined || this.#parts.isPeer(server) || this.#subnets.some(({ serverAddress }) => serverAddress === server)) return;
    this.#parts.log.warn({ subnet: subnet.name, server }, 'another DHCP server answers on this subnet');
  }

  /** Who offers us an address; `undefined` for anything that is no answer to us, other clients' malformed ones included. */
  #rivalOf(bytes: Uint8Array): Ipv4 | undefined {
    try {
      const packet = decodeDhcp(bytes);
      const server = readAddress(packet.options, optionCode.serverId);
      return packet.op === 'reply' && macOfBytes(packet.chaddr) === this.mac && server !== undefined ? formatIpv4(server) : undefined;
    } catch {
      return undefined;
    }
  }

  #discover(): Uint8Array {
    return encodeDhcp({
      op: 'request',
      htype: 1,
      hops: 0,
      xid: randomBytes(4).readUInt32BE(),
      secs: 0,
      flags: BROADCAST_FLAG,
      ciaddr: 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      chaddr: this.#chaddr,
      sname: '',
      file: '',
      options: new Map([[optionCode.messageType, u8Value(messageType.DISCOVER)]]),
    });
  }

  async #hangUp(): Promise<void> {
    const channels = [...this.#listening];
    this.#listening.clear();
    await Promise.all(channels.map((channel) => channel.close()));
  }
}
