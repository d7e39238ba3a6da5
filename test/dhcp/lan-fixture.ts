import { HeldClock } from '../../src/clock.ts';
import type { BootAdvisor } from '../../src/dhcp/boot-advisor.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import type { LeaseStore, LeaseWrite } from '../../src/dhcp/lease-store.ts';
import { messageType, optionCode } from '../../src/dhcp/option-code.ts';
import { u32Value, u8Value } from '../../src/dhcp/option-value.ts';
import { decodeDhcp, encodeDhcp, type DhcpPacket } from '../../src/dhcp/packet.ts';
import { DhcpServer, type DhcpServerParts } from '../../src/dhcp/server.ts';
import { CapturedLog } from '../../src/log.ts';
import type { BootDecision } from '../../src/model/boot-decision.ts';
import type { BootProfile } from '../../src/model/boot-profile.ts';
import type { Observation } from '../../src/model/boot-trace.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { Lease } from '../../src/model/lease.ts';
import type { Mac } from '../../src/model/mac.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { MemoryLan } from '../../src/net/memory-lan.ts';
import type { UdpChannel } from '../../src/net/udp-channel.ts';

export const lab: Subnet = {
  name: 'lab',
  cidr: { network: ipv4Number('10.0.0.0'), prefixLength: 24 },
  interface: 'br0',
  serverAddress: '10.0.0.5',
  mode: 'authoritative',
  pool: { first: '10.0.0.100', last: '10.0.0.103' },
  router: '10.0.0.1',
  dnsServers: ['10.0.0.5'],
  domain: 'lab.test',
  leaseSeconds: 3600,
  unknown: { kind: 'lease' },
};

const profile: BootProfile = {
  name: 'dom0',
  boot: 'network',
  loaders: { bios: 'pxegrub' },
  menus: [],
  menuByOption150: true,
  parameters: {},
  stageSeconds: { discover: 1, offer: 1, lease: 1, loader: 1, menu: 1, kernel: 1, 'kernel-lease': 1, mount: 1, hello: 1 },
};

export const bootDom0: Extract<BootDecision, { kind: 'boot' }> = {
  kind: 'boot',
  machine: { name: 'host', nics: [], profile: 'dom0', labels: {}, parameters: {} },
  profile,
  subnet: lab,
  bootFile: 'pxegrub-ne',
  nextServer: '10.0.0.5',
  menuPath: '(nd)/menus/p1.lst',
  reason: 'its profile is dom0',
};

/** Says what a test wants it to say. */
export class ScriptedAdvisor implements BootAdvisor {
  decision: BootDecision = { kind: 'lease', reason: 'an unknown client' };
  readonly reservations = new Map<Mac, Ipv4>();
  readonly live = new Set<Ipv4>();

  advise(): BootDecision {
    return this.decision;
  }
  reservedAddress(mac: Mac): Ipv4 | undefined {
    return this.reservations.get(mac);
  }
  isReserved(address: Ipv4): boolean {
    return [...this.reservations.values()].includes(address);
  }
  addressInUse(address: Ipv4): boolean {
    return this.live.has(address);
  }
}

/** One database of several servers; what one of them writes the others hear at once, unless the test holds the news back. */
export class SharedLeases {
  readonly stored = new Map<Ipv4, Lease>();
  readonly followers = new Map<HeldStore, { readonly written: (leases: readonly Lease[]) => void; readonly lost: () => void }>();
  heldNews = false;
  #news: { readonly from: HeldStore; readonly leases: readonly Lease[] }[] = [];

  write(from: HeldStore, writes: readonly LeaseWrite[]): readonly Lease[] {
    const refused = writes.filter((write) => !this.#accept(write)).map(({ lease }) => this.stored.get(lease.address));
    const standing = refused.filter((lease) => lease !== undefined);
    this.#news.push({ from, leases: writes.map(({ lease }) => lease).filter((lease) => this.stored.get(lease.address) === lease) });
    if (!this.heldNews) this.tell();
    return standing;
  }

  tell(): void {
    for (const { from, leases } of this.#news.splice(0))
      for (const [store, { written }] of this.followers) if (store !== from) written(leases);
  }

  /** The news that nobody has heard yet are lost; everybody is told so. */
  lose(): void {
    this.#news = [];
    for (const { lost } of this.followers.values()) lost();
  }

  #accept({ lease, over }: LeaseWrite): boolean {
    const before = this.stored.get(lease.address);
    const isOver = before !== undefined && over?.mac === before.mac && over.grantedMs === before.grantedMs;
    const isOwn = before?.mac === lease.mac && before.grantedMs <= lease.grantedMs;
    if (before !== undefined && !isOver && !isOwn) return false;
    this.stored.set(lease.address, lease);
    return true;
  }
}

/** A store whose commits wait until the test lets them through. */
export class HeldStore implements LeaseStore {
  readonly stored: Map<Ipv4, Lease>;
  readonly batches: (readonly Lease[])[] = [];
  held = false;
  readonly #shared: SharedLeases;
  #waiting: { writes: readonly LeaseWrite[]; resolve: (standing: readonly Lease[]) => void; reject: (error: Error) => void }[] = [];

  constructor(shared = new SharedLeases()) {
    this.#shared = shared;
    this.stored = shared.stored;
  }

  load(): Promise<readonly Lease[]> {
    return Promise.resolve([...this.stored.values()]);
  }
  commit(writes: readonly LeaseWrite[]): Promise<readonly Lease[]> {
    this.batches.push(writes.map(({ lease }) => lease));
    const written = new Promise<readonly Lease[]>((resolve, reject) => this.#waiting.push({ writes, resolve, reject }));
    if (!this.held) this.letThrough();
    return written;
  }
  follow(written: (leases: readonly Lease[]) => void, lost: () => void): void {
    this.#shared.followers.set(this, { written, lost });
  }
  letThrough(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { writes, resolve } of waiting) resolve(this.#shared.write(this, writes));
  }
  fail(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(new Error('disk full'));
  }
}

/** A client on the LAN that sends what it is told and keeps what it hears. */
export class Client {
  readonly mac: Mac;
  readonly heard: DhcpPacket[] = [];
  readonly #channel: UdpChannel;
  readonly #lan: MemoryLan;
  #xid = 1;

  private constructor(lan: MemoryLan, mac: Mac, channel: UdpChannel) {
    this.#lan = lan;
    this.mac = mac;
    this.#channel = channel;
    channel.onDatagram((bytes) => {
      const packet = decodeDhcp(bytes);
      if (packet.op === 'reply' && Buffer.from(packet.chaddr).toString('hex') === mac.replaceAll(':', '')) this.heard.push(packet);
    });
  }

  static async join(lan: MemoryLan, mac: Mac, address?: Ipv4): Promise<Client> {
    return new Client(lan, mac, await lan.host(address).bindInterface('eth0', 68));
  }

  /** Sends real bytes as they are. */
  async sendBytes(bytes: Uint8Array, to = '255.255.255.255'): Promise<DhcpPacket | undefined> {
    const before = this.heard.length;
    this.#channel.send(bytes, { address: to, port: 67 });
    await this.#lan.settle();
    return this.heard[before];
  }

  async send(name: keyof typeof messageType, fields: Fields = {}): Promise<DhcpPacket | undefined> {
    return this.sendBytes(encodeDhcp(this.packet(name, fields)), fields.to);
  }

  packet(name: keyof typeof messageType, { requested, server, ciaddr, options = [], giaddr, xid }: Fields = {}): DhcpPacket {
    const all = new Map<number, Uint8Array>([[optionCode.messageType, u8Value(messageType[name])], ...options]);
    if (requested !== undefined) all.set(optionCode.requestedAddress, u32Value(ipv4Number(requested)));
    if (server !== undefined) all.set(optionCode.serverId, u32Value(ipv4Number(server)));
    return {
      op: 'request',
      htype: 1,
      hops: 0,
      xid: xid ?? this.#xid++,
      secs: 0,
      flags: 0,
      ciaddr: ciaddr === undefined ? 0 : ipv4Number(ciaddr),
      yiaddr: 0,
      siaddr: 0,
      giaddr: giaddr === undefined ? 0 : ipv4Number(giaddr),
      chaddr: Buffer.from(this.mac.replaceAll(':', ''), 'hex'),
      sname: '',
      file: '',
      options: all,
    };
  }

  /** DISCOVER, REQUEST; the address that it ends up with. */
  async boot(): Promise<Ipv4 | undefined> {
    const offer = await this.send('DISCOVER');
    if (offer === undefined) return undefined;
    const ack = await this.send('REQUEST', { requested: formatIpv4(offer.yiaddr), server: '10.0.0.5' });
    return ack === undefined || ack.yiaddr === 0 ? undefined : formatIpv4(ack.yiaddr);
  }
}

interface Fields {
  readonly requested?: Ipv4;
  readonly server?: Ipv4;
  readonly ciaddr?: Ipv4;
  readonly giaddr?: Ipv4;
  readonly xid?: number;
  readonly to?: Ipv4;
  readonly options?: readonly (readonly [number, Uint8Array])[];
}

export interface Scene {
  readonly lan: MemoryLan;
  readonly clock: HeldClock;
  readonly log: CapturedLog;
  readonly store: HeldStore;
  readonly advisor: ScriptedAdvisor;
  readonly book: LeaseBook;
  readonly server: DhcpServer;
  readonly observed: Observation[];
}

/** A server with address 10.0.0.5 on a LAN of its own. */
export async function serve(subnet: Subnet = lab, parts: Partial<DhcpServerParts> = {}, store = new HeldStore()): Promise<Scene> {
  const lan = new MemoryLan();
  const clock = new HeldClock();
  const log = new CapturedLog();
  const advisor = new ScriptedAdvisor();
  const observed: Observation[] = [];
  const book = new LeaseBook({ store, subnets: [subnet], clock, log });
  const observer = { observe: (observation: Observation) => void observed.push(observation) };
  const server = new DhcpServer({ subnets: [subnet], advisor, book, network: lan.host('10.0.0.5'), observer, clock, log, ...parts });
  await server.start();
  return { lan, clock, log, store, advisor, book, server, observed };
}

/** The message type of an answer, by name. */
export function nameOf(packet: DhcpPacket | undefined): string | undefined {
  const type = packet?.options.get(optionCode.messageType)?.[0];
  return Object.entries(messageType).find(([, number]) => number === type)?.[0];
}

export function textOf(packet: DhcpPacket | undefined, code: number): string | undefined {
  const value = packet?.options.get(code);
  return value === undefined ? undefined : Buffer.from(value).toString('latin1');
}

export function addressOf(packet: DhcpPacket | undefined): Ipv4 | undefined {
  return packet === undefined ? undefined : formatIpv4(packet.yiaddr);
}
