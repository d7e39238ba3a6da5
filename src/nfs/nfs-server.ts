import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import { DropLog } from '../log.ts';
import type { Observation } from '../model/boot-trace.ts';
import type { ImageRef } from '../model/image-manifest.ts';
import { type Cidr, cidrContains, formatIpv4, type Ipv4 } from '../model/ipv4.ts';
import type { UdpChannel, UdpNetwork } from '../net/udp-channel.ts';
import { BlobStore } from './blob-store.ts';
import { ExportTable, type SharedImage } from './export-table.ts';
import { mountProgram, mountProgramNumber } from './mount-program.ts';
import { nfs3Program } from './nfs3-program.ts';
import { nfsProgram } from './nfs3-types.ts';
import { type Mapping, portmapProgram, portmapProgramNumber } from './portmap-program.ts';
import { RpcDispatcher, type Transport } from './rpc-dispatcher.ts';
import { type DropReport, RpcTcpListener, serveRpcDatagrams } from './rpc-listeners.ts';

export interface NfsPorts {
  readonly port: number;
  readonly mountPort: number;
  /** 111, or absent where another portmapper answers. */
  readonly portmapPort?: number;
}

/** Who used NFS since the last report, with wall-clock milliseconds. */
export interface Activity {
  readonly clients: readonly (readonly [Ipv4, number])[];
  /** Export paths. */
  readonly images: readonly (readonly [string, number])[];
}

export interface NfsServerDependencies extends Pick<NfsClients, 'udpClients'> {
  readonly handleKey: Uint8Array;
  readonly ports: NfsPorts;
  /** Portmap and MOUNT are answered by one worker; NFS by each. */
  readonly hasMountd: boolean;
  readonly network: Pick<UdpNetwork, 'bindAddress'>;
  readonly clock: Clock;
  readonly log: Log;
  observe(observation: Observation): void;
  active(activity: Activity): void;
}

const activityMs = 2_000;
/** Observations of ignored packets in that time: a flood must not reach the control thread. */
const maxIgnoredPerReport = 20;
/** A farm that mounts at once, and no client that mounts without end. */
const maxMountsPerReport = 1_000;

/** What every server of an installation answers to, for portmap. */
export function mappingsOf(ports: NfsPorts): readonly Mapping[] {
  return [
    ...(ports.portmapPort === undefined ? [] : onBoth(portmapProgramNumber, [2, 3, 4], ports.portmapPort)),
    ...onBoth(nfsProgram, [3], ports.port),
    ...onBoth(mountProgramNumber, [1, 3], ports.mountPort),
  ];
}

function onBoth(program: number, versions: readonly number[], port: number): readonly Mapping[] {
  return versions.flatMap((version) => (['tcp', 'udp'] as const).map((transport) => ({ program, version, transport, port })));
}

/** Who is answered. */
export interface NfsClients {
  /** Of every image; as each was published where it is not said. */
  readonly readers?: readonly Cidr[];
  /** Where UDP is answered; everywhere where it is not said. */
  readonly udpClients?: readonly Cidr[];
}

/** Everything that one thread answers: listeners, programs and images. */
export class NfsServer {
  readonly #dependencies: NfsServerDependencies;
  readonly #exports: ExportTable;
  readonly #blobs = new BlobStore();
  readonly #services: readonly { readonly port: number; readonly dispatcher: RpcDispatcher; readonly everyWorker: boolean }[];
  readonly #drops: DropLog;
  readonly #damages: DropLog;
  readonly #tcp: RpcTcpListener[] = [];
  #udpClients: readonly Cidr[] | undefined;
  #udp = new Map<Ipv4, UdpChannel[]>();
  /** By address as a number: setting it on each call costs no allocation. */
  readonly #clients = new Map<number, number>();
  #ignored = 0;
  #mounts = 0;
  #timer: Timer | undefined;

  constructor(dependencies: NfsServerDependencies) {
    this.#dependencies = dependencies;
    const { clock, log, ports, handleKey, hasMountd } = dependencies;
    this.#drops = new DropLog(log, clock);
    // Every client that has the file open reads it again and again.
    this.#damages = new DropLog(log, clock, 5, 60_000, 'error');
    this.#exports = new ExportTable(handleKey);
    this.#udpClients = dependencies.udpClients;
    const nfs = nfs3Program({
      exports: this.#exports,
      blobs: this.#blobs,
      used: (image, caller) => {
        const nowMs = clock.now();
        image.lastUseMs = nowMs;
        this.#clients.set(caller.addressNumber, nowMs);
      },
      damaged: (error, image, caller) => {
        const { code, file } = error;
        this.#damages.drop('an image is damaged', { err: error, code, file, image: image.path, client: caller.address });
        this.#ignore('an image is damaged: the read was answered with an I/O error', caller.address);
      },
    });
    const mount = mountProgram(this.#exports, {
      mount: (clientAddress, path, outcome) => {
        if (++this.#mounts <= maxMountsPerReport) dependencies.observe({ kind: 'mount', atMs: clock.now(), clientAddress, path, outcome });
      },
    });
    this.#services = [
      { port: ports.port, dispatcher: new RpcDispatcher([nfs], log), everyWorker: true },
      ...(hasMountd ? [{ port: ports.mountPort, dispatcher: new RpcDispatcher([mount], log), everyWorker: false }] : []),
      ...(hasMountd && ports.portmapPort !== undefined
        ? [{ port: ports.portmapPort, dispatcher: new RpcDispatcher([portmapProgram(mappingsOf(ports))], log), everyWorker: false }]
        : []),
    ];
  }

  async start(): Promise<void> {
    const { clock } = this.#dependencies;
    for (const { port, dispatcher, everyWorker } of this.#services) {
      const listener = new RpcTcpListener(dispatcher, { report: this.#reporter('tcp', port), clock });
      this.#tcp.push(listener);
      await listener.start(port, everyWorker);
    }
    this.#scheduleReport();
  }

  /** From the next call on. */
  setClients({ readers, udpClients }: NfsClients): void {
    if (readers !== undefined) this.#exports.setReaders(readers);
    this.#udpClients = udpClients;
  }

  /** Answers UDP on exactly these of our addresses. An address that cannot be bound is an error, after the others are. */
  async setAddresses(addresses: { readonly nfs: readonly Ipv4[]; readonly mountd: readonly Ipv4[] }): Promise<void> {
    const wanted = new Set([...addresses.nfs, ...addresses.mountd]);
    for (const [address, channels] of this.#udp) {
      if (wanted.has(address)) continue;
      this.#udp.delete(address);
      await Promise.all(channels.map((channel) => channel.close()));
    }
    const failures: unknown[] = [];
    for (const address of wanted) {
      const channels = this.#udp.get(address) ?? [];
      this.#udp.set(address, channels);
      for (const { port, dispatcher, everyWorker } of this.#services) {
        if (!(everyWorker ? addresses.nfs : addresses.mountd).includes(address)) continue;
        if (channels.some(({ local }) => local.port === port)) continue;
        try {
          const channel = await this.#dependencies.network.bindAddress(address, port);
          serveRpcDatagrams(channel, dispatcher, this.#reporter('udp', port), this.#mayAsk);
          channels.push(channel);
        } catch (error) {
          failures.push(error);
        }
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
  }

  readonly #mayAsk = (address: number): boolean => this.#udpClients?.some((subnet) => cidrContains(subnet, address)) ?? true;

  publish(image: SharedImage): void {
    const replaced = this.#exports.publish(image);
    if (replaced !== undefined) this.#blobs.forget(replaced.blobs());
  }

  withdraw(ref: ImageRef): void {
    const image = this.#exports.withdraw(ref);
    if (image !== undefined) this.#blobs.forget(image.blobs());
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    const channels = [...this.#udp.values()].flat();
    this.#udp = new Map();
    await Promise.all([...this.#tcp.map((listener) => listener.close()), ...channels.map((channel) => channel.close())]);
    for (const image of this.#exports.images()) this.#blobs.forget(image.blobs());
    for (const drops of [this.#drops, this.#damages]) drops.close();
  }

  #reporter(transport: Transport, port: number): DropReport {
    return (reason, client, detail) => {
      this.#drops.drop(reason, { client, transport, port, detail });
      if (reason !== 'idle connection') this.#ignore(reason, client);
    };
  }

  #ignore(reason: string, clientAddress: Ipv4 | undefined): void {
    if (++this.#ignored > maxIgnoredPerReport) return;
    const atMs = this.#dependencies.clock.now();
    const sender = clientAddress === undefined ? {} : { clientAddress };
    this.#dependencies.observe({ kind: 'ignored', atMs, protocol: 'nfs', ...sender, reason });
  }

  #scheduleReport(): void {
    this.#timer = this.#dependencies.clock.after(activityMs, () => {
      this.#ignored = 0;
      this.#mounts = 0;
      const clients = [...this.#clients].map(([address, atMs]) => [formatIpv4(address), atMs] as const);
      this.#clients.clear();
      const images = [...this.#exports.images()]
        .filter(({ lastUseMs }) => lastUseMs > 0)
        .map(({ path, lastUseMs }) => [path, lastUseMs] as const);
      if (clients.length > 0) this.#dependencies.active({ clients, images });
      this.#scheduleReport();
    });
  }
}
