import { join } from 'node:path';
import type { BootDesk } from './boot/boot-desk.ts';
import type { ImageShelf } from './boot/boot-facts.ts';
import type { ClientLookup } from './boot/identify.ts';
import { BulkThread } from './bulk-thread.ts';
import type { Clock } from './clock.ts';
import { LeaseBook } from './dhcp/lease-book.ts';
import type { LeaseStore } from './dhcp/lease-store.ts';
import { DhcpServer } from './dhcp/server.ts';
import type { Log } from './log.ts';
import type { Observation } from './model/boot-trace.ts';
import type { Ipv4 } from './model/ipv4.ts';
import type { Subnet } from './model/subnet.ts';
import { kernelNetwork } from './net/kernel-network.ts';
import { kernelNeighbours } from './net/neighbour-table.ts';
import { NfsService, type NfsSettings } from './nfs/nfs-service.ts';
import { ServedImages } from './served-images.ts';
import { addressesOf } from './service/address-watch.ts';

/** How often other DHCP servers are looked for. */
const rivalWatchMs = 600_000;

export interface BootServersParts {
  readonly subnets: readonly Subnet[];
  readonly settings: {
    readonly stateDir: string;
    readonly dhcp: { readonly port: number };
    readonly tftp: { readonly port: number; readonly maxBlockBytes: number; readonly maxTransfers: number };
    readonly http: { readonly port: number };
    readonly nfs: Omit<NfsSettings, 'addresses' | 'udpClients' | 'handleKey' | 'readers'>;
  };
  readonly nfsHandleKey: Uint8Array;
  readonly leases: LeaseStore;
  /** Where other servers have the same database. */
  readonly serverId?: string;
  /** Makes the one who decides, of what only servers know. */
  readonly openDesk: (known: {
    readonly images: ImageShelf;
    readonly clients: ClientLookup;
    readonly lastRead: (address: Ipv4) => number | undefined;
  }) => Promise<BootDesk>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Running {
  readonly nfs: NfsService;
  readonly bulk: BulkThread;
  readonly dhcp: DhcpServer;
}

/** DHCP, TFTP, HTTP and NFS on the subnets that there are now. They ask one desk, and tell it what they see. */
export class BootServers implements AsyncDisposable {
  readonly leases: LeaseBook;
  readonly images: ServedImages;
  readonly desk: BootDesk;
  readonly #running: Running;
  readonly #started: AsyncDisposableStack;
  readonly #log: Log;
  #addresses: readonly Ipv4[];
  /** Changes of the subnets follow one another. */
  #following: Promise<void> = Promise.resolve();

  private constructor(
    known: Pick<BootServers, 'leases' | 'images' | 'desk'>,
    running: Running,
    started: AsyncDisposableStack,
    addresses: readonly Ipv4[],
    log: Log,
  ) {
    this.leases = known.leases;
    this.images = known.images;
    this.desk = known.desk;
    this.#running = running;
    this.#started = started;
    this.#addresses = addresses;
    this.#log = log;
  }

  /**
   * All but DHCP: see {@link answerDhcp}. Where one cannot start, those before it are closed again.
   * @throws BindFailure
   */
  static async start(parts: BootServersParts): Promise<BootServers> {
    const { subnets, settings, serverId, leases: store, openDesk, clock, log } = parts;
    await using started = new AsyncDisposableStack();
    const { stateDir, dhcp: dhcpSettings, tftp, http } = settings;
    const addresses = listeningAddresses(subnets);
    const cidrs = subnets.map(({ cidr }) => cidr);
    const network = kernelNetwork({ clock, log });
    const neighbours = kernelNeighbours();
    const leases = new LeaseBook({ store, subnets, clock, log, ...(serverId !== undefined && { serverId }) });
    // The servers below report to the desk, which is built from them.
    let desk: BootDesk | undefined;
    const observer = { observe: (observation: Observation) => desk?.observe(observation) };

    const nfs = new NfsService(
      { ...settings.nfs, handleKey: parts.nfsHandleKey, addresses, udpClients: cidrs },
      { observer, network, clock, log },
    );
    const images = new ServedImages({ images: join(stateDir, 'images'), nfs, readers: cidrs, log });
    await images.start();
    started.defer(() => images.close());
    await nfs.start();
    started.defer(() => nfs.close());
    const clients: ClientLookup = {
      leaseOwner: (address) => leases.leaseOf(address)?.mac,
      neighbourMac: (address) => neighbours.neighbourMac(address),
    };
    const opened = await openDesk({ images, clients, lastRead: (address) => nfs.lastRead(address) });
    desk = opened;
    started.defer(() => opened.close());
    const bulk = new BulkThread({
      settings: { tftp: { ...tftp, clients: cidrs }, http, addresses },
      tree: opened,
      desk: opened,
      observer,
      log,
      clock,
    });
    await bulk.start();
    started.defer(() => bulk.close());
    const { port } = dhcpSettings;
    const dhcp = new DhcpServer({ subnets, advisor: opened, book: leases, network, observer, clock, log, port, neighbours, rivalWatchMs });
    return new BootServers({ leases, images, desk: opened }, { nfs, bulk, dhcp }, started.move(), addresses, log);
  }

  /** To be called last, so that no machine is sent on its way before all that it will ask for is there. @throws BindFailure */
  async answerDhcp(): Promise<void> {
    const { dhcp } = this.#running;
    await dhcp.start();
    this.#started.defer(() => dhcp.close());
  }

  /** Where files are served now. */
  get addresses(): readonly Ipv4[] {
    return this.#addresses;
  }

  /** Serves these subnets from now on, without a gap for those that stay. What cannot be served is logged, and tried with the next change. */
  setSubnets(subnets: readonly Subnet[]): Promise<void> {
    this.#following = this.#following.then(() => this.#follow(subnets));
    return this.#following;
  }

  /** The other way round than it started. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#following;
    await this.#started.disposeAsync();
  }

  async #follow(subnets: readonly Subnet[]): Promise<void> {
    const { nfs, bulk, dhcp } = this.#running;
    const addresses = listeningAddresses(subnets);
    const cidrs = subnets.map(({ cidr }) => cidr);
    this.#addresses = addresses;
    try {
      await Promise.all([
        bulk.setNetworks({ addresses, clients: cidrs }),
        nfs.setNetworks({ addresses, readers: cidrs, udpClients: cidrs }),
      ]);
      for (const { subnet, reason } of await dhcp.setSubnets(subnets)) this.#log.error({ subnet, reason }, 'a subnet cannot be served');
      this.#log.info({ subnets: subnets.map(({ name }) => name), addresses }, 'the subnets that are served have changed');
    } catch (error) {
      this.#log.error({ err: error, addresses }, 'not every address can be served');
    }
  }
}

/** Those that machines are told, whatever the kernel lists, and all others of the same interfaces. */
function listeningAddresses(subnets: readonly Subnet[]): readonly Ipv4[] {
  const present = addressesOf(new Set(subnets.map((subnet) => subnet.interface)));
  return [...new Set([...subnets.map(({ serverAddress }) => serverAddress), ...present])];
}
