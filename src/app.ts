import { join } from 'node:path';
import { BootDesk } from './boot/boot-desk.ts';
import { eventLog } from './boot/event-log.ts';
import { formatProblem, TemplatesError } from './boot/template-error.ts';
import { BulkThread } from './bulk-thread.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { LeaseBook } from './dhcp/lease-book.ts';
import { DhcpServer } from './dhcp/server.ts';
import type { Log } from './log.ts';
import type { Observation } from './model/boot-trace.ts';
import type { Ipv4 } from './model/ipv4.ts';
import type { Subnet } from './model/subnet.ts';
import { kernelNetwork } from './net/kernel-network.ts';
import { kernelNeighbours } from './net/neighbour-table.ts';
import { NfsService } from './nfs/nfs-service.ts';
import { ServedImages } from './served-images.ts';
import { addressesOf, watchAddresses } from './service/address-watch.ts';
import { watchFolder } from './service/folder-watch.ts';
import { takeInstanceLock } from './service/instance-lock.ts';
import { secretKey } from './service/secret-key.ts';
import { openStore } from './store/store.ts';

/** How often other DHCP servers are looked for. */
const rivalWatchMs = 600_000;

export interface AppParts {
  readonly config: Config;
  /** With our own addresses found. */
  readonly subnets: readonly Subnet[];
  readonly clock: Clock;
  readonly log: Log;
  /** Called where the service can no longer do its work and has to end. */
  readonly onFailure: (error: Error) => void;
}

export interface App {
  /** Stops answering, then writes what is left to write. */
  close(): Promise<void>;
}

/**
 * Builds every concrete thing, hands them to each other and starts them; DHCP comes last, so that no machine is sent on its
 * way before all that it will ask for is there. Where one cannot start, those before it are closed again.
 * @throws BindFailure, InstanceLockError, StoreError, TemplatesError
 */
export async function startApp({ config, subnets, clock, log, onFailure }: AppParts): Promise<App> {
  await using started = new AsyncDisposableStack();
  const interfaces = new Set(subnets.map((subnet) => subnet.interface));
  const addresses = listeningAddresses(subnets, addressesOf(interfaces));

  const lock = takeInstanceLock(join(config.stateDir, 'virtdom.lock'));
  started.defer(() => lock.release());
  const store = await openStore({ file: config.database, log, onFailure });
  started.defer(() => store.close());

  const network = kernelNetwork({ clock, log });
  const neighbours = kernelNeighbours();
  const book = new LeaseBook({ store: store.leases, subnets, clock, log });
  // The servers below report to the desk, which is built from them.
  let desk: BootDesk | undefined;
  const observer = { observe: (observation: Observation) => desk?.observe(observation) };

  const nfs = new NfsService(
    {
      ...config.nfs,
      handleKey: secretKey(join(config.stateDir, 'keys', 'nfs-handle.key')),
      addresses,
      udpClients: subnets.map(({ cidr }) => cidr),
    },
    { observer, network, clock, log },
  );
  const images = new ServedImages({ images: join(config.stateDir, 'images'), nfs, readers: subnets.map(({ cidr }) => cidr), log });
  await images.start();
  started.defer(() => images.close());
  await nfs.start();
  started.defer(() => nfs.close());

  const machineNames = new Set(config.objects.machines.map(({ name }) => name));
  desk = await BootDesk.open({
    objects: { ...config.objects, subnets },
    images,
    loadersDir: join(config.stateDir, 'loaders'),
    templatesDir: config.templatesDir,
    httpPort: config.http.port,
    clients: { leaseOwner: (address) => book.leaseOf(address)?.mac, neighbourMac: (address) => neighbours.neighbourMac(address) },
    lastRead: (address) => nfs.lastRead(address),
    store: store.attempts,
    secret: secretKey(join(config.stateDir, 'keys', 'boot-token.key')),
    clock,
    log,
    listener: eventLog({ log, clock, isMachine: (name) => machineNames.has(name) }),
  });
  const bootDesk = desk;
  started.defer(() => bootDesk.close());
  const problems = await bootDesk.checkAll();
  if (problems.length > 0) throw new TemplatesError(problems);

  const bulk = new BulkThread({
    settings: { tftp: { ...config.tftp, clients: subnets.map(({ cidr }) => cidr) }, http: config.http, addresses },
    tree: bootDesk,
    desk: bootDesk,
    observer,
    log,
    clock,
  });
  await bulk.start();
  started.defer(() => bulk.close());
  const { port } = config.dhcp;
  const dhcp = new DhcpServer({ subnets, advisor: bootDesk, book, network, observer, clock, log, port, neighbours, rivalWatchMs });
  await dhcp.start();
  started.defer(() => dhcp.close());

  const addressWatch = watchAddresses(interfaces, clock, (now) => {
    const listening = listeningAddresses(subnets, now);
    log.info({ addresses: listening }, 'our addresses have changed');
    Promise.all([bulk.setAddresses(listening), nfs.setAddresses(listening)]).catch((error: unknown) => {
      log.error({ err: error, addresses: listening }, 'not every address can be served');
    });
  });
  started.defer(() => addressWatch.close());
  const templateWatch = watchFolder(
    config.templatesDir,
    clock,
    () => void reloadTemplates(bootDesk, log),
    (error) => log.error({ err: error, folder: config.templatesDir }, 'templates can no longer be watched: restart to have edits noticed'),
  );
  started.defer(() => templateWatch.close());

  log.info({ subnets: subnets.map(({ name }) => name), addresses, machines: config.objects.machines.length }, 'virtdom serves');
  const running = started.move();
  return { close: () => running.disposeAsync() };
}

/** Those that machines are told, whatever the kernel lists, and all others of the same interfaces. */
function listeningAddresses(subnets: readonly Subnet[], present: readonly Ipv4[]): readonly Ipv4[] {
  return [...new Set([...subnets.map(({ serverAddress }) => serverAddress), ...present])];
}

async function reloadTemplates(desk: BootDesk, log: Log): Promise<void> {
  try {
    const problems = await desk.reload();
    for (const problem of problems) log.error({ ...problem }, `the last good templates keep serving: ${formatProblem(problem)}`);
    if (problems.length === 0) log.info({}, 'templates are as in their folder');
  } catch (error) {
    log.error({ err: error }, 'templates cannot be read: the last good ones keep serving');
  }
}
