import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type AttemptStore, MemoryAttemptStore } from '../../src/boot/attempt-store.ts';
import { BootDesk } from '../../src/boot/boot-desk.ts';
import type { BootEvent } from '../../src/boot/boot-event.ts';
import type { BootObjects } from '../../src/boot/boot-facts.ts';
import type { ProvedBoots } from '../../src/boot/proved-boots.ts';
import { TemplateSet } from '../../src/boot/template-set.ts';
import { TemplatesError } from '../../src/boot/template-error.ts';
import { HeldClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import type { BootClient, BootDecision } from '../../src/model/boot-decision.ts';
import type { BootFile } from '../../src/model/boot-file.ts';
import { type BootProfile, defaultStageSeconds } from '../../src/model/boot-profile.ts';
import type { DhcpMessageName, Observation } from '../../src/model/boot-trace.ts';
import { formatImageRef, type ImageRef } from '../../src/model/image-manifest.ts';
import { type Cidr, type Ipv4, parseCidr } from '../../src/model/ipv4.ts';
import type { Machine } from '../../src/model/machine.ts';
import type { OneShot } from '../../src/model/one-shot.ts';
import type { Subnet } from '../../src/model/subnet.ts';

export const shippedTemplates = resolve(import.meta.dirname, '../../templates');
export const mac = '52:54:00:00:00:01';
export const secondMac = '52:54:00:00:00:02';
export const otherMac = '52:54:00:00:00:0b';
export const strangeMac = '02:00:00:00:00:99';
export const address = '192.168.0.11';

export const subnet: Subnet = {
  name: 'lab',
  cidr: parseCidr('192.168.0.0/24') as Cidr,
  interface: 'br0',
  serverAddress: '192.168.0.5',
  mode: 'authoritative',
  pool: { first: '192.168.0.100', last: '192.168.0.199' },
  router: '192.168.0.1',
  dnsServers: [],
  leaseSeconds: 3600,
  unknown: { kind: 'ignore' },
};

export const dom0: BootProfile = {
  name: 'dom0',
  boot: 'network',
  loaders: { bios: 'pxegrub', ipxe: 'pxegrub', 'uefi-x64': '/grub.efi', 'http-x64': '/grub.efi' },
  menus: [
    { path: '/grub/{name}.conf', template: 'menu.lst' },
    { path: '/grub/{mac}/grub.cfg', template: 'grub.cfg' },
    { path: '/boot.ipxe', template: 'boot.ipxe' },
  ],
  menuByOption150: true,
  image: 'dom0',
  parameters: {},
  stageSeconds: defaultStageSeconds,
};

export const post01: Machine = {
  name: 'post01',
  nics: [{ mac, address }, { mac: secondMac }],
  profile: 'dom0',
  labels: {},
  parameters: {},
};

export const post02: Machine = { name: 'post02', nics: [{ mac: otherMac }], profile: 'dom0', labels: {}, parameters: {} };

export const rom: BootClient = { mac, arch: 'bios', face: 'firmware-pxe' };
export const ipxe: BootClient = { mac, arch: 'bios', face: 'ipxe' };
export const later: BootClient = { mac, face: 'other' };

export const oneShot: OneShot = { id: 'once-1', machine: 'post01', profile: 'installer', requestedMs: 0, requestedBy: 'anna' };

/** A desk over folders of its own, with hands on its clock, its images and who has which address. */
export class Rig {
  readonly clock = new HeldClock();
  readonly log = new CapturedLog();
  readonly store = new MemoryAttemptStore();
  /** In place of that one, where a test wants a database. */
  attemptStore: AttemptStore | undefined;
  provedBoots: ProvedBoots | undefined;
  readonly events: BootEvent[] = [];
  readonly leases = new Map<string, string>();
  readonly neighbours = new Map<string, string>();
  readonly reads = new Map<string, number>();
  readonly published: ImageRef[] = [{ image: 'dom0', version: 3 }];
  readonly folder = mkdtempSync(join(tmpdir(), 'virtdom-boot-'));
  readonly loadersDir = join(this.folder, 'loaders');
  objects: BootObjects = { subnets: [subnet], profiles: [dom0], machines: [post01, post02], oneShots: new Map() };
  readonly seen: string[] = [];
  /** Where a manager runs. */
  hasManager = false;
  readonly usedOneShots: string[] = [];
  leaseOwner: (of: Ipv4) => string | undefined = (of) => this.leases.get(of);
  templatesDir = shippedTemplates;
  #desk: BootDesk | undefined;

  constructor() {
    mkdirSync(join(this.loadersDir, 'grub'), { recursive: true });
    writeFileSync(join(this.loadersDir, 'pxegrub'), 'loader');
    writeFileSync(join(this.loadersDir, 'grub', 'legacycfg.mod'), 'module');
  }

  get desk(): BootDesk {
    if (this.#desk === undefined) throw new Error('start it first');
    return this.#desk;
  }

  async start(): Promise<this> {
    this.#desk = await BootDesk.open({
      objects: this.objects,
      images: {
        newest: (image) => this.published.findLast((ref) => ref.image === image),
        version: (ref) =>
          this.published.some((each) => formatImageRef(each) === formatImageRef(ref))
            ? {
                builtMs: 1,
                bootFiles: ['vmlinuz', 'initrd.gz', 'xen.gz'].map((name) => ({
                  name,
                  size: 1000,
                  sha256: `${name}-${formatImageRef(ref)}`,
                })),
              }
            : undefined,
        blobFile: (sha256) => `/blobs/${sha256}`,
      },
      loadersDir: this.loadersDir,
      templates: await this.templates(),
      httpPort: 8080,
      clients: { leaseOwner: (of) => this.leaseOwner(of), neighbourMac: (of) => this.neighbours.get(of) },
      lastRead: (of) => this.reads.get(of),
      sightings: {
        seen: (client) => void this.seen.push(client.mac),
        addressed: (of, to) => void this.seen.push(`${of} has ${to}`),
      },
      oneShotUsed: (id) => void this.usedOneShots.push(id),
      ...(this.hasManager && { boots: this.provedBoots ?? this.#provedBoots() }),
      store: this.attemptStore ?? this.store,
      secret: Buffer.alloc(32, 7),
      clock: this.clock,
      log: this.log,
      listener: (event) => void this.events.push(event),
    });
    return this;
  }

  #provedBoots(): ProvedBoots {
    const { boots } = this.store;
    return {
      newest: (of) => boots.findLast(({ machine }) => machine === of),
      get latest() {
        return boots.length;
      },
      kept: ({ machine, boot }, httpUrl) => `${machine}/${boot} at ${httpUrl}`,
    };
  }

  /** As they stand in the folder now. */
  async templates(): Promise<TemplateSet> {
    const read = await TemplateSet.read(this.templatesDir);
    if (!(read instanceof TemplateSet)) throw new TemplatesError(read);
    return read;
  }

  /** A new desk over the same store: what was not stored is gone, and so are the timers. */
  async restart(): Promise<void> {
    await this.desk.close();
    await this.start();
  }

  async remove(): Promise<void> {
    await this.#desk?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** DISCOVER, OFFER, REQUEST, ACK as the DHCP server would tell them. */
  lease(client: BootClient = rom, to = address, on = subnet): BootDecision {
    const decision = this.discover(client, to, on);
    this.desk.advise(client, on, 'REQUEST');
    this.dhcp('REQUEST', 'received', client.mac);
    this.leases.set(to, client.mac);
    this.dhcp('ACK', 'sent', client.mac, to);
    return decision;
  }

  discover(client: BootClient = rom, to = address, on = subnet): BootDecision {
    const decision = this.desk.advise(client, on, 'DISCOVER');
    this.dhcp('DISCOVER', 'received', client.mac);
    if (decision.kind !== 'ignore') this.dhcp('OFFER', 'sent', client.mac, to);
    return decision;
  }

  dhcp(message: DhcpMessageName, direction: 'received' | 'sent', from: string, to?: string): void {
    this.desk.observe({
      kind: 'dhcp',
      atMs: this.clock.now(),
      mac: from,
      direction,
      message,
      bytes: 300,
      ...(to !== undefined && { address: to }),
    });
  }

  /** A whole fetch by TFTP, as its server would tell it. */
  fetch(path: string, more: Partial<Extract<Observation, { kind: 'file' }>> = {}): void {
    const file = { kind: 'file', protocol: 'tftp', clientAddress: address, path, size: 1000 } as const;
    this.desk.observe({ ...file, atMs: this.clock.now(), phase: 'opened', bytes: 0, ...more });
    this.desk.observe({ ...file, atMs: this.clock.now(), phase: 'finished', bytes: 1000, ...more });
  }

  mount(path = '/images/dom0@3'): void {
    this.desk.observe({ kind: 'mount', atMs: this.clock.now(), clientAddress: address, path, outcome: 'mounted' });
  }

  /** From the ROM's DISCOVER to the mounted root, a second between the stages. */
  boot(image = 'dom0@3'): void {
    const steps = [
      () => this.lease(),
      () => this.fetch('pxegrub'),
      () => this.fetch('/grub/post01.conf'),
      () => this.fetch(`/images/${image}/vmlinuz`),
      () => this.lease(later),
      () => this.mount(`/images/${image}`),
    ];
    for (const step of steps) {
      step();
      this.clock.advance(1000);
    }
  }

  async text(path: string, from = address): Promise<string> {
    const file = await this.desk.open({ clientAddress: from, path });
    return file.kind === 'rendered' ? Buffer.from(file.bytes).toString() : `${file.kind}: ${reasonOf(file)}`;
  }

  async token(): Promise<string> {
    return /virtdom\.token=([\w-]+)/.exec(await this.text('/grub/post01.conf'))?.[1] ?? 'no token';
  }

  stages(): string[] {
    return this.events.flatMap((event) => (event.kind === 'stage' ? [event.stage] : []));
  }

  kinds(): string[] {
    return this.events.map((event) => (event.kind === 'stage' ? event.stage : event.kind));
  }
}

export function reasonOf(file: BootFile): string {
  return 'reason' in file ? file.reason : '';
}
