import { WireError } from '../bytes/wire-error.ts';
import type { Clock } from '../clock.ts';
import { DropLog, type Log } from '../log.ts';
import type { BootObserver, DhcpMessageName } from '../model/boot-trace.ts';
import { broadcastAddress, cidrContains, formatIpv4, type Ipv4 } from '../model/ipv4.ts';
import { macOfBytes, type Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import type { NeighbourTable } from '../net/neighbour-table.ts';
import type { UdpNetwork, UdpPeer } from '../net/udp-channel.ts';
import { AddressProbe } from './address-probe.ts';
import type { BootAdvisor } from './boot-advisor.ts';
import { Conversation, requestName, type Outcome, type RequestName } from './conversation.ts';
import type { LeaseBook } from './lease-book.ts';
import { optionCode } from './option-code.ts';
import { decodeDhcp, encodeDhcp, type DhcpPacket } from './packet.ts';
import { PeerServers } from './peer-servers.ts';
import { replyDestination } from './reply-destination.ts';
import { RivalWatch } from './rival-watch.ts';
import { SubnetSockets, type SocketPlace, type SubnetProblem } from './subnet-sockets.ts';

export interface DhcpServerParts {
  readonly subnets: readonly Subnet[];
  readonly advisor: BootAdvisor;
  readonly book: LeaseBook;
  readonly network: UdpNetwork;
  readonly observer: BootObserver;
  readonly clock: Clock;
  readonly log: Log;
  /** 67 unless a test says otherwise; clients are on the next one. */
  readonly port?: number;
  /** With it, pool addresses are probed before they are offered. */
  readonly neighbours?: NeighbourTable;
  /** With it, other DHCP servers are looked for so often. */
  readonly rivalWatchMs?: number;
}

interface Heard {
  readonly name: RequestName;
  readonly packet: DhcpPacket;
  readonly mac: Mac;
  readonly subnet: Subnet;
  readonly bytes: number;
}

/** Ethernet, the only hardware whose addresses we know (RFC 1700). */
const ETHERNET = 1;
const MAX_HOPS = 16;
/** Options 61 and 82 go back unchanged. */
const LONGEST_ECHO = 255;

/** Receives, asks, answers. What a machine boots, and who gets which address, is decided elsewhere. */
export class DhcpServer {
  readonly #parts: DhcpServerParts;
  readonly #ports: { readonly server: number; readonly client: number };
  readonly #conversation: Conversation;
  readonly #drops: DropLog;
  readonly #foreign: DropLog;
  readonly #releases: DropLog;
  readonly #probe: AddressProbe | undefined;
  readonly #rivals: RivalWatch | undefined;
  readonly #peers: PeerServers;
  readonly #sockets: SubnetSockets;
  #subnets: readonly Subnet[];
  readonly #outgoing = new Uint8Array(2048);

  constructor(parts: DhcpServerParts) {
    this.#parts = parts;
    this.#subnets = parts.subnets;
    const port = parts.port ?? 67;
    this.#ports = { server: port, client: port + 1 };
    this.#conversation = new Conversation(parts);
    this.#drops = new DropLog(parts.log, parts.clock);
    this.#foreign = new DropLog(parts.log, parts.clock, 1, 60_000);
    this.#releases = new DropLog(parts.log, parts.clock, 10, 10_000, 'info');
    this.#peers = new PeerServers({
      ...parts,
      stranger: ({ subnet, server, mac, address }) =>
        this.#foreign.drop('another DHCP server answers on this subnet', { mac, subnet, server, address }),
    });
    this.#sockets = new SubnetSockets({
      ...parts,
      port,
      listen: (channel, place) => {
        channel.onDatagram((bytes, from) => this.#receive(bytes, from, place));
        channel.onError((error) => this.#drops.drop('a DHCP socket failed', { ...place, error: error.message }));
      },
    });
    if (parts.neighbours !== undefined) this.#probe = new AddressProbe({ ...parts, neighbours: parts.neighbours });
    const isPeer = (server: Ipv4): boolean => this.#peers.isPeer(server);
    if (parts.rivalWatchMs !== undefined)
      this.#rivals = new RivalWatch({ ...parts, everyMs: parts.rivalWatchMs, ports: this.#ports, isPeer });
  }

  /** Loads the leases and binds one socket an interface and one an address. Rejects with BindFailure; nothing stays open then. */
  async start(): Promise<void> {
    await this.#parts.book.load();
    try {
      await this.#sockets.start(answered(this.#subnets));
      await this.#probe?.start();
      this.#rivals?.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Answers these subnets from now on, and gives addresses by them; a subnet that stays is answered without a gap. Resolves
   * when sockets are as they have to be, with what cannot be bound: that is tried again every few seconds.
   */
  async setSubnets(subnets: readonly Subnet[]): Promise<readonly SubnetProblem[]> {
    this.#subnets = subnets;
    this.#parts.book.setSubnets(subnets);
    this.#rivals?.setSubnets(subnets);
    const problems = await this.#sockets.setSubnets(answered(subnets));
    await this.#probe?.setSubnets(subnets);
    return problems;
  }

  /** Stops hearing, then waits for the leases that are being written. */
  async close(): Promise<void> {
    await this.#probe?.close();
    await this.#rivals?.close();
    await this.#sockets.close();
    this.#peers.close();
    for (const drops of [this.#drops, this.#foreign, this.#releases]) drops.close();
    await this.#parts.book.idle();
  }

  #receive(bytes: Uint8Array, from: UdpPeer, where: SocketPlace): void {
    try {
      const packet = decodeDhcp(bytes);
      const heard = this.#identify(packet, bytes.length, from, where);
      if (heard === undefined) return;
      const outcome = this.#conversation.answer(heard.name, packet, heard.subnet);
      this.#observe(heard, 'received', heard.name);
      if (outcome instanceof Promise)
        outcome.then((value) => this.#finish(heard, value)).catch((error: unknown) => this.#fail(heard, error));
      else this.#finish(heard, outcome);
    } catch (error) {
      const reason = error instanceof WireError ? `malformed: ${error.code}` : 'a fault of ours';
      this.#drops.drop(reason, { ...where, from: from.address, error: error instanceof Error ? error.message : String(error) });
    }
  }

  #identify(packet: DhcpPacket, bytes: number, from: UdpPeer, where: SocketPlace): Heard | undefined {
    const reason = whyNotOurs(packet);
    const name = requestName(packet);
    const subnet = this.#subnetOf(packet, where);
    if (reason !== undefined || name === undefined || subnet === undefined) {
      this.#drops.drop(reason ?? (name === undefined ? 'no DHCP request: BOOTP or an unknown message type' : 'from no subnet of ours'), {
        ...where,
        from: from.address,
        xid: packet.xid,
      });
      return undefined;
    }
    // Proxy answers come with proxyDHCP; an off subnet is somebody else's altogether.
    if (subnet.mode === 'off' || subnet.mode === 'proxy') return undefined;
    const mac = macOfBytes(packet.chaddr);
    return mac === this.#rivals?.mac ? undefined : { name, packet, mac, subnet, bytes };
  }

  /** A relay says which subnet it asks for; a client that has an address is on the subnet of that; the others on their interface's. */
  #subnetOf(packet: DhcpPacket, where: SocketPlace): Subnet | undefined {
    const subnets = this.#subnets;
    const near = packet.giaddr === 0 ? packet.ciaddr : packet.giaddr;
    const byAddress = near === 0 ? undefined : subnets.find(({ cidr }) => cidrContains(cidr, near));
    if (byAddress !== undefined) return isHost(byAddress, near) ? byAddress : undefined;
    // An answer to an INFORM goes to the address that it names: not to any in the world.
    if (packet.giaddr !== 0 || (near !== 0 && requestName(packet) === 'INFORM')) return undefined;
    return subnets.find((subnet) => subnet.interface === where.interface || subnet.serverAddress === where.address);
  }

  #finish(heard: Heard, outcome: Outcome): void {
    const { mac, subnet } = heard;
    switch (outcome.kind) {
      case 'reply':
        this.#send(heard, outcome.message, outcome.packet);
        this.#parts.log.debug(
          { mac, subnet: subnet.name, message: outcome.message, address: outcome.address, reason: outcome.reason },
          'answered',
        );
        return;
      case 'done':
        return this.#logDone(heard, outcome);
      case 'foreign':
        // Where we have only our machines, somebody else has the others: that is as it should be.
        if (subnet.mode === 'authoritative') this.#peers.chosen({ ...outcome, mac, subnet: subnet.name });
        return this.#parts.observer.observe({
          kind: 'foreign',
          atMs: this.#parts.clock.now(),
          mac,
          server: outcome.server,
          reason: outcome.reason,
        });
      case 'ignored':
        return this.#ignore(mac, outcome.reason);
    }
  }

  /** A client can take and give back addresses without end. */
  #logDone({ name, mac, subnet }: Heard, { address, reason }: Extract<Outcome, { kind: 'done' }>): void {
    const drops = name === 'DECLINE' ? this.#drops : this.#releases;
    drops.drop(reason, { mac, subnet: subnet.name, address }, name);
  }

  #send(heard: Heard, message: 'OFFER' | 'ACK' | 'NAK', reply: DhcpPacket): void {
    const destination = replyDestination(heard.packet, message, this.#ports);
    const channel =
      destination.by === 'address'
        ? this.#sockets.onAddress(heard.subnet.serverAddress)
        : this.#sockets.onInterface(heard.subnet.interface);
    if (channel === undefined) return; // closed while the lease was written, or not to be had
    const bytes = encodeDhcp(reply, this.#outgoing);
    channel.send(bytes, destination.to);
    this.#observe({ ...heard, bytes: bytes.length }, 'sent', message, reply.yiaddr);
  }

  #fail(heard: Heard, error: unknown): void {
    const { mac, subnet } = heard;
    this.#parts.log.error(
      { err: error, mac, subnet: subnet.name },
      'the lease could not be written, so there is no ACK; the client will ask again',
    );
    this.#ignore(mac, 'the lease could not be written');
  }

  #observe(heard: Heard, direction: 'received' | 'sent', message: DhcpMessageName, address = 0): void {
    const { mac, bytes } = heard;
    const atMs = this.#parts.clock.now();
    this.#parts.observer.observe({
      kind: 'dhcp',
      atMs,
      mac,
      direction,
      message,
      bytes,
      ...(address === 0 ? {} : { address: formatIpv4(address) }),
    });
  }

  #ignore(mac: Mac, reason: string): void {
    this.#parts.observer.observe({ kind: 'ignored', atMs: this.#parts.clock.now(), protocol: 'dhcp', mac, reason });
  }
}

function answered(subnets: readonly Subnet[]): readonly Subnet[] {
  return subnets.filter(({ mode }) => mode !== 'off');
}

/** No host has the first or the last address of a network, and what we send there everybody gets. */
function isHost({ cidr }: Subnet, address: number): boolean {
  return cidrContains(cidr, address) && address !== cidr.network && address !== broadcastAddress(cidr);
}

/** What no server of ours answers, whatever it asks. The texts are a closed set: drops are counted by them. */
function whyNotOurs(packet: DhcpPacket): string | undefined {
  if (packet.op !== 'request') return 'a reply on the server port';
  if (packet.htype !== ETHERNET || packet.chaddr.length !== 6) return 'hardware other than Ethernet';
  const isGroup = ((packet.chaddr[0] ?? 0) & 1) === 1;
  if (isGroup || packet.chaddr.every((byte) => byte === 0)) return 'a hardware address that no NIC has';
  const echoed = [optionCode.clientId, optionCode.relayAgent].map((code) => packet.options.get(code)?.length ?? 0);
  if (Math.max(...echoed) > LONGEST_ECHO) return 'more to be sent back than an answer holds';
  return packet.hops > MAX_HOPS ? 'too many hops' : undefined;
}
