import { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.ts';
import type { Log, LogFields } from '../log.ts';
import type { BootObserver, Observation } from '../model/boot-trace.ts';
import { formatImageRef, type ImageRef } from '../model/image-manifest.ts';
import type { Cidr, Ipv4 } from '../model/ipv4.ts';
import { probeTcpPort } from '../net/tcp-probe.ts';
import type { UdpNetwork } from '../net/udp-channel.ts';
import { ThreadLink } from '../thread.ts';
import { exportPath, type SharedImage } from './export-table.ts';
import { type Activity, mappingsOf, type NfsClients, type NfsPorts } from './nfs-server.ts';
import { PortmapRegistration } from './portmap-registration.ts';

export interface NfsSettings {
  readonly port: number;
  readonly mountPort: number;
  /** `own` answers on port 111; `register` tells the rpcbind that does; `off` needs clients that name the ports. */
  readonly portmap: 'own' | 'register' | 'off';
  /** 111 unless a test says otherwise. */
  readonly portmapPort?: number;
  readonly workers: number;
  /** Signs file handles: 32 bytes that all servers of an installation share, and keep. */
  readonly handleKey: Uint8Array;
  /** Our own addresses, for UDP: {@link NfsService.setNetworks} changes them. */
  readonly addresses: readonly Ipv4[];
  /** Where UDP is answered; everywhere where it is not said. */
  readonly udpClients?: readonly Cidr[];
}

/** What there is to serve, when it changes. */
export interface NfsNetworks {
  readonly addresses: readonly Ipv4[];
  /** Who may read every image, whatever was said when it was published. */
  readonly readers: readonly Cidr[];
  readonly udpClients: readonly Cidr[];
}

export interface NfsDependencies {
  readonly observer: BootObserver;
  /** For talking to rpcbind; each worker has its own. */
  readonly network: Pick<UdpNetwork, 'bindAddress'>;
  readonly clock: Clock;
  readonly log: Log;
  /** How a worker thread is started, where not in the ordinary way. */
  readonly startWorker?: (workerData: WorkerSettings, name: string) => Worker;
}

export interface WorkerSettings {
  readonly handleKey: Uint8Array;
  readonly ports: NfsPorts;
  readonly hasMountd: boolean;
}

/** What the control thread asks of a worker. */
export type WorkerHandlers = {
  start(): Promise<void>;
  publish(image: SharedImage): void;
  withdraw(ref: ImageRef): void;
  setClients(clients: NfsClients): void;
  setAddresses(addresses: { readonly nfs: readonly Ipv4[]; readonly mountd: readonly Ipv4[] }): Promise<void>;
  close(): Promise<void>;
};

/** What a worker tells the control thread. */
export type ControlHandlers = {
  log(level: 'debug' | 'info' | 'warn' | 'error', fields: LogFields, message: string): void;
  observe(observation: Observation): void;
  active(activity: Activity): void;
};

interface Slot {
  readonly number: number;
  worker: Worker | undefined;
  link: ThreadLink<WorkerHandlers> | undefined;
  /** Settles when the worker serves all that was published; a restart replaces it. */
  ready: Promise<void>;
}

const restartMs = 500;
/** Clients remembered for {@link NfsService.lastRead}, the longest silent forgotten first. */
const maxClients = 20_000;

/** The NFS servers of this process: worker threads that share each image's index and listen on the same ports. */
export class NfsService {
  readonly #settings: NfsSettings;
  readonly #dependencies: NfsDependencies;
  readonly #ports: NfsPorts;
  readonly #registration: PortmapRegistration | undefined;
  readonly #images = new Map<string, SharedImage>();
  readonly #slots: Slot[] = [];
  readonly #lastRead = new Map<Ipv4, number>();
  readonly #lastUse = new Map<string, number>();
  #addresses: readonly Ipv4[];
  #clients: NfsClients;
  /** One after the other, or an address is bound twice. */
  #changes: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(settings: NfsSettings, dependencies: NfsDependencies) {
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#addresses = settings.addresses;
    this.#clients = settings.udpClients === undefined ? {} : { udpClients: settings.udpClients };
    const { port, mountPort, portmap, portmapPort = 111 } = settings;
    this.#ports = portmap === 'own' ? { port, mountPort, portmapPort } : { port, mountPort };
    if (portmap === 'register') this.#registration = new PortmapRegistration(mappingsOf(this.#ports), portmapPort, dependencies.network);
  }

  /**
   * Starts the workers and resolves when each listens. Publish before it what clients may hold handles of.
   * @throws BindFailure where a port cannot be had; nothing is left running then.
   */
  async start(): Promise<void> {
    const { port, mountPort, portmapPort } = this.#ports;
    await probeTcpPort('0.0.0.0', port);
    await probeTcpPort('0.0.0.0', mountPort);
    if (portmapPort !== undefined) await probeTcpPort('0.0.0.0', portmapPort);
    try {
      for (let number = 0; number < this.#settings.workers; number++) {
        const slot: Slot = { number, worker: undefined, link: undefined, ready: Promise.resolve() };
        this.#slots.push(slot);
        slot.ready = this.#run(slot);
        await slot.ready;
      }
      await this.#registration?.set();
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#dependencies.log.info({ ...this.#ports, workers: this.#settings.workers, addresses: this.#addresses }, 'NFS is served');
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#registration?.unset();
    await Promise.all(
      this.#slots.map(async ({ worker, link }) => {
        await link?.call('close').catch(() => {});
        await worker?.terminate();
      }),
    );
    this.#slots.length = 0;
  }

  /** Resolves when every worker serves the image. */
  async publish(image: SharedImage): Promise<void> {
    const { ref, contentId } = image;
    this.#images.set(formatImageRef(ref), image);
    await this.#tellAll((link) => link.call('publish', image));
    this.#dependencies.log.info({ image: formatImageRef(ref), path: exportPath(ref), contentId }, 'image is exported');
  }

  /** From now on its handles are stale. Resolves when every worker has let go of it. */
  async withdraw(ref: ImageRef): Promise<void> {
    if (!this.#images.delete(formatImageRef(ref))) return;
    this.#lastUse.delete(exportPath(ref));
    await this.#tellAll((link) => link.call('withdraw', ref));
  }

  /**
   * Answers these clients from now on, and UDP on exactly these of our addresses; TCP listens on all there are. Connections go
   * on. An address that cannot be had is logged.
   */
  setNetworks({ addresses, readers, udpClients }: NfsNetworks): Promise<void> {
    this.#addresses = addresses;
    this.#clients = { readers, udpClients };
    const change = this.#changes.then(async () => {
      await this.#tellAll((link) => link.call('setClients', this.#clients));
      await Promise.all(this.#slots.map((slot) => this.#tell(slot, (link) => this.#listen(link, slot))));
    });
    this.#changes = change.catch(() => {});
    return change;
  }

  /** When this client last used NFS, in wall-clock milliseconds, to about two seconds; `undefined` for never since the start. */
  lastRead(address: Ipv4): number | undefined {
    return this.#lastRead.get(address);
  }

  /** When any client last used a handle of the image, likewise. */
  lastUse(ref: ImageRef): number | undefined {
    return this.#lastUse.get(exportPath(ref));
  }

  /** Starts a slot's worker and brings it up to date. */
  async #run(slot: Slot): Promise<void> {
    const { handleKey } = this.#settings;
    const workerData: WorkerSettings = { handleKey, ports: this.#ports, hasMountd: slot.number === 0 };
    const { log, observer, startWorker = startThread } = this.#dependencies;
    const worker = startWorker(workerData, `nfs-${slot.number}`);
    const handlers: ControlHandlers = {
      log: (level, fields, message) => log[level]({ ...fields, worker: slot.number }, message),
      observe: (observation) => observer.observe(observation),
      active: (activity) => this.#noteActivity(activity),
    };
    const link = new ThreadLink<WorkerHandlers>(worker, handlers);
    slot.worker = worker;
    slot.link = link;
    let crash: unknown;
    worker.on('error', (error) => {
      crash = error;
    });
    let isUp = false;
    worker.once('exit', (code) => {
      link.close(new Error(`the NFS worker ${slot.number} ended with code ${code}`, { cause: crash }));
      if (this.#closed) return;
      log.error({ worker: slot.number, code, err: crash }, 'an NFS worker crashed');
      if (isUp) this.#restart(slot);
    });
    await link.call('setClients', this.#clients);
    // Before it listens: to a client that comes back after a restart, an image that is not there yet is a stale handle.
    for (const image of this.#images.values()) await link.call('publish', image);
    await link.call('start');
    await this.#listen(link, slot);
    isUp = true;
  }

  /** A worker that is gone meanwhile is no failure of its addresses. */
  async #listen(link: ThreadLink<WorkerHandlers>, slot: Slot): Promise<void> {
    await link.call('setAddresses', this.#addressesOf(slot)).catch((error: unknown) => {
      if (slot.link !== link) throw error;
      this.#dependencies.log.error({ worker: slot.number, err: error }, 'UDP is not served on every address');
    });
  }

  #restart(slot: Slot): void {
    slot.link = undefined;
    slot.ready = new Promise((resolve) => {
      const attempt = (): void => {
        if (this.#closed) return resolve();
        this.#run(slot).then(resolve, (error: unknown) => {
          this.#dependencies.log.error({ worker: slot.number, err: error }, 'an NFS worker cannot be restarted; trying again');
          this.#dependencies.clock.after(restartMs, attempt);
        });
      };
      this.#dependencies.clock.after(restartMs, attempt);
    });
  }

  async #tellAll(ask: (link: ThreadLink<WorkerHandlers>) => Promise<unknown>): Promise<void> {
    await Promise.all(this.#slots.map((slot) => this.#tell(slot, ask)));
  }

  /** A worker that is gone meanwhile learns all there is when it comes back. */
  async #tell(slot: Slot, ask: (link: ThreadLink<WorkerHandlers>) => Promise<unknown>): Promise<void> {
    const { link } = slot;
    if (link === undefined) return slot.ready;
    try {
      await ask(link);
      // One that was told while it starts serves a moment later.
      await slot.ready;
    } catch (error) {
      if (slot.link === link) throw error;
      await slot.ready;
    }
  }

  /** One worker an address, so that datagrams to it come to one place; portmap and mountd are the first worker's. */
  #addressesOf(slot: Slot): { readonly nfs: readonly Ipv4[]; readonly mountd: readonly Ipv4[] } {
    const nfs = this.#addresses.filter((_address, position) => position % this.#settings.workers === slot.number);
    return { nfs, mountd: slot.number === 0 ? this.#addresses : [] };
  }

  #noteActivity({ clients, images }: Activity): void {
    for (const [address, atMs] of clients) {
      this.#lastRead.delete(address);
      this.#lastRead.set(address, atMs);
    }
    for (const oldest of this.#lastRead.keys()) {
      if (this.#lastRead.size <= maxClients) break;
      this.#lastRead.delete(oldest);
    }
    for (const [path, atMs] of images) this.#lastUse.set(path, Math.max(atMs, this.#lastUse.get(path) ?? 0));
  }
}

function startThread(settings: WorkerSettings, name: string): Worker {
  return new Worker(new URL('worker.ts', import.meta.url), { workerData: settings, name });
}
