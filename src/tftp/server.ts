import type { Clock } from '../clock.ts';
import { DropLog, type Log } from '../log.ts';
import type { BootObserver } from '../model/boot-trace.ts';
import { type Cidr, cidrContains, type Ipv4, parseIpv4 } from '../model/ipv4.ts';
import { AddressListeners } from '../net/address-listeners.ts';
import type { UdpChannel, UdpNetwork, UdpPeer } from '../net/udp-channel.ts';
import { WireError } from '../bytes/wire-error.ts';
import type { BootTree } from './boot-tree.ts';
import { decodeTftp, encodeTftp, errorCode, type TftpPacket, type TftpRequest } from './packet.ts';
import { Session, type Seen, type SessionParts } from './session.ts';
import { FileChunks } from './file-chunks.ts';

export interface TftpSettings {
  readonly port: number;
  /** Whose requests are answered; everybody's where it is not said. */
  readonly clients?: readonly Cidr[];
  /** The largest block that is granted: what fits the smallest MTU on the way. */
  readonly maxBlockBytes: number;
  /** A request beyond them ends one that was never acknowledged; where there is none it is dropped, and comes again by the client's own timer. */
  readonly maxTransfers: number;
  readonly maxTransfersPerClient?: number;
  readonly maxWindowBlocks?: number;
  /** How long a client may be silent. */
  readonly giveUpMs?: number;
}

export interface TftpServerParts {
  readonly settings: TftpSettings;
  /** The local addresses to listen on: an answer leaves from the address that was asked. */
  readonly addresses: readonly Ipv4[];
  readonly tree: BootTree;
  readonly network: UdpNetwork;
  readonly observer: BootObserver;
  readonly clock: Clock;
  readonly log: Log;
}

/** No path of a boot tree is longer; RFC 1350 leaves it open. */
const maxPathLength = 255;
const maxRefusalsPerSecond = 50;

/** The read-only TFTP server: a request comes to port 69, its transfer runs on a port of its own. */
export class TftpServer {
  readonly #parts: TftpServerParts;
  readonly #drops: DropLog;
  readonly #listeners: AddressListeners<UdpChannel>;
  /** By local address, client address and client port. */
  readonly #sessions = new Map<string, Session>();
  readonly #perClient = new Map<Ipv4, number>();
  #clients: readonly Cidr[] | undefined;
  #second = 0;
  #spoken = 0;
  readonly #sessionParts: SessionParts;
  #closed = false;

  constructor(parts: TftpServerParts) {
    this.#parts = parts;
    this.#drops = new DropLog(parts.log, parts.clock);
    const { settings, clock, network, tree, log } = parts;
    this.#clients = settings.clients;
    this.#listeners = new AddressListeners({
      name: 'TFTP',
      port: settings.port,
      log,
      listen: (address) => this.#listen(address),
      leave: (address, channel) => this.#leave(address, channel),
    });
    this.#sessionParts = {
      clock,
      network,
      tree,
      drops: this.#drops,
      files: new FileChunks(),
      limits: { maxBlockBytes: settings.maxBlockBytes, maxWindowBlocks: settings.maxWindowBlocks ?? 64 },
      giveUpMs: settings.giveUpMs ?? 30_000,
    };
  }

  /** Rejects with the first address that cannot be bound; then none is. */
  start(): Promise<void> {
    return this.#listeners.start(this.#parts.addresses);
  }

  /** Follows the machine's addresses. A transfer of an address that is gone ends. */
  setAddresses(addresses: readonly Ipv4[]): Promise<void> {
    return this.#listeners.setAddresses(addresses);
  }

  /** Whose requests are answered from now on; transfers that run go on. */
  setClients(clients: readonly Cidr[] | undefined): void {
    this.#clients = clients;
  }

  /** Tells every client that the server goes, and resolves when all sockets are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#listeners.close();
    await this.#sessionParts.files.close();
    this.#drops.close();
  }

  /** Transfers that run or are being opened. */
  get transfers(): number {
    return this.#sessions.size;
  }

  async #listen(address: Ipv4): Promise<UdpChannel> {
    const channel = await this.#parts.network.bindAddress(address, this.#parts.settings.port);
    channel.onError((error) => this.#drops.drop('socket-error', { address, error: error.message }));
    channel.onDatagram((bytes, from) => this.#onRequest(channel, bytes, from));
    return channel;
  }

  async #leave(address: Ipv4, channel: UdpChannel): Promise<void> {
    const ending = [...this.#sessions.values()].filter((session) => session.serverAddress === address);
    await Promise.all(ending.map((session) => session.close('the server is shutting down')));
    await channel.close();
  }

  #onRequest(channel: UdpChannel, bytes: Uint8Array, from: UdpPeer): void {
    if (this.#closed) return;
    // Whoever can forge a sender could have the many times longer answers sent to anybody.
    if (!this.#mayAsk(from.address)) return this.#ignore('no-client-of-ours', from, 'a request from no subnet of ours');
    let packet: TftpPacket;
    try {
      packet = decodeTftp(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#ignore(`malformed-${error.code}`, from, error.message);
      return;
    }
    if (packet.kind !== 'rrq' && packet.kind !== 'wrq') {
      // An ERROR or a late ACK gets no answer, or two servers could send each other errors for ever.
      this.#ignore('no-request', from, `${packet.kind.toUpperCase()} on the request port`);
      return;
    }
    const refusal = refuse(packet);
    if (refusal !== undefined) {
      channel.send(encodeTftp({ kind: 'error', code: refusal.code, message: refusal.message }), from);
      if (this.#maySpeak())
        this.#observe(from, { phase: 'refused', path: packet.path.slice(0, maxPathLength), bytes: 0, reason: refusal.message });
      return;
    }
    this.#open(channel, packet, from);
  }

  #mayAsk(client: Ipv4): boolean {
    const address = parseIpv4(client);
    return this.#clients === undefined || (address !== undefined && this.#clients.some((subnet) => cidrContains(subnet, address)));
  }

  #open(channel: UdpChannel, request: TftpRequest, from: UdpPeer): void {
    const key = `${channel.local.address} ${from.address} ${from.port}`;
    const running = this.#sessions.get(key);
    if (running !== undefined) {
      if (running.repeats(request)) return;
      // The client was reset and its ROM begins again with the same port.
      void running.close('the client asked again from the same port', false);
    }
    const { maxTransfers, maxTransfersPerClient = 32 } = this.#parts.settings;
    const ofClient = this.#perClient.get(from.address) ?? 0;
    if (this.#sessions.size >= maxTransfers && !this.#endHalfOpen())
      return this.#ignore('too-many-transfers', from, `${maxTransfers} transfers run`);
    if (ofClient >= maxTransfersPerClient) {
      return this.#ignore('too-many-transfers-of-one-client', from, `${maxTransfersPerClient} transfers of this client run`);
    }
    this.#perClient.set(from.address, ofClient + 1);
    const session = new Session(this.#sessionParts, channel, request, from, {
      observe: (seen) => this.#observe(from, seen),
      ended: () => {
        if (this.#sessions.get(key) === session) this.#sessions.delete(key);
        const left = (this.#perClient.get(from.address) ?? 1) - 1;
        if (left > 0) this.#perClient.set(from.address, left);
        else this.#perClient.delete(from.address);
      },
    });
    this.#sessions.set(key, session);
    void session.run();
  }

  /** Makes room: whoever asked longest ago and never acknowledged anything may not even exist. */
  #endHalfOpen(): boolean {
    for (const session of this.#sessions.values()) {
      if (!session.untouched) continue;
      void session.close('others need its place', false);
      return true;
    }
    return false;
  }

  #ignore(reason: string, from: UdpPeer, detail: string): void {
    this.#drops.drop(reason, { client: from.address, port: from.port, detail });
    if (!this.#maySpeak()) return;
    this.#parts.observer.observe({
      kind: 'ignored',
      atMs: this.#parts.clock.now(),
      protocol: 'tftp',
      clientAddress: from.address,
      reason: detail,
    });
  }

  /** Of packets that are dropped at once: a flood of them must not reach the control thread. */
  #maySpeak(): boolean {
    const second = Math.floor(this.#parts.clock.monotonic() / 1000);
    if (second !== this.#second) [this.#second, this.#spoken] = [second, 0];
    return this.#spoken++ < maxRefusalsPerSecond;
  }

  #observe(from: UdpPeer, seen: Seen): void {
    this.#parts.observer.observe({ kind: 'file', protocol: 'tftp', atMs: this.#parts.clock.now(), clientAddress: from.address, ...seen });
  }
}

/** What is said no to without asking the tree. */
function refuse(request: TftpRequest): { readonly code: number; readonly message: string } | undefined {
  if (request.kind === 'wrq') return { code: errorCode.accessViolation, message: 'this server is read-only' };
  const mode = request.mode.toLowerCase();
  if (mode !== 'octet' && mode !== 'netascii') return { code: errorCode.illegalOperation, message: 'the mode must be octet or netascii' };
  if (request.path === '' || request.path.length > maxPathLength) {
    return { code: errorCode.accessViolation, message: `a file name has 1 to ${maxPathLength} characters` };
  }
  if (/\p{Cc}/u.test(request.path)) return { code: errorCode.accessViolation, message: 'a control character in the file name' };
  return undefined;
}
