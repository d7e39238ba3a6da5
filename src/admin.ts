import { join } from 'node:path';
import { ApiServer } from './api/api-server.ts';
import type { ControlPlane, ServicePlane } from './api/control-plane.ts';
import { FirstAdmin } from './api/first-admin.ts';
import { PasswordHasher } from './api/password.ts';
import { TaskRunner } from './api/task-runner.ts';
import { readTlsFiles } from './api/tls-files.ts';
import type { TlsFiles } from './api/tls-files.ts';
import type { BootServers } from './boot-servers.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { AuditLog } from './events/audit-log.ts';
import type { EventLog } from './events/event-log.ts';
import { Pruning } from './events/pruning.ts';
import { deleteInThread, verifyInThread } from './images/maintain-in-thread.ts';
import type { Log } from './log.ts';
import { managerHealth, type Degraded } from './manager-health.ts';
import { MachineList } from './machines/machine-list.ts';
import { Machines } from './machines/machines.ts';
import type { ObjectBook } from './machines/object-book.ts';
import type { ManagerControl } from './manager/manager-control.ts';
import type { UnknownClients } from './machines/unknown-clients.ts';
import type { ServedSubnets } from './served-subnets.ts';
import type { Store } from './store/store.ts';
import type { TemplateLibrary } from './templates/template-library.ts';

/** How long an expired token is still listed, for who wonders why it does not work. */
const expiredDays = 7;

export interface ServiceParts {
  readonly config: Config;
  readonly version: string;
  readonly store: Store;
  readonly objects: ObjectBook;
  readonly events: EventLog;
  readonly audit: AuditLog;
  /** Where it runs in this process. */
  readonly manager?: ManagerControl;
  readonly clock: Clock;
  readonly log: Log;
}

export interface AdminParts extends ServiceParts {
  readonly unknownClients: UnknownClients;
  readonly subnets: ServedSubnets;
  readonly servers: Pick<BootServers, 'desk' | 'leases' | 'images'>;
  readonly templates: TemplateLibrary;
}

/** The side that people and their programs use. What serves machines knows nothing of it. */
export function startAdmin(parts: AdminParts): Promise<AsyncDisposable> {
  return startApi(parts, 'api.sock', (accounts) => controlPlane(parts, accounts));
}

/** Likewise of a process that runs the VM manager and nothing else. */
export function startManagerAdmin(parts: ServiceParts & { readonly manager: ManagerControl }): Promise<AsyncDisposable> {
  return startApi(parts, 'manager.sock', (accounts) => servicePlane(parts, accounts));
}

type Accounts = Pick<ControlPlane, 'tasks' | 'hasher' | 'firstAdmin'>;

async function startApi(
  parts: ServiceParts,
  socket: string,
  planeOf: (accounts: Accounts) => ServicePlane | ControlPlane,
): Promise<AsyncDisposable> {
  await using started = new AsyncDisposableStack();
  const { config, store, clock, log, version } = parts;
  const tasks = await TaskRunner.open({ store: store.tasks, clock, log, serverId: config.serverName });
  started.defer(() => tasks.close());
  const prune = (beforeMs: number): Promise<number> => store.accounts.prune(beforeMs);
  const expired = new Pruning({ prune, keepDays: expiredDays, of: 'expired sessions and tokens', clock, log });
  started.defer(() => expired.close());
  const hasher = new PasswordHasher();
  const { port, address, certificate, key } = config.api;
  const firstAdmin = await FirstAdmin.open({
    accounts: store.accounts,
    hasher,
    clock,
    log,
    file: join(config.runtimeDir, 'first-admin'),
    origin: `${certificate === undefined ? 'http' : 'https'}://${address}:${port ?? 8443}`,
  });
  started.defer(() => firstAdmin.close());
  const server = await ApiServer.start(planeOf({ tasks, hasher, firstAdmin }), {
    version,
    socket: join(config.runtimeDir, socket),
    ...(port !== undefined && { tcp: { address, port, ...tlsOf(certificate, key) } }),
  });
  started.defer(() => server.close());
  return started.move();
}

function servicePlane({ store, objects, events, audit, manager, clock, log }: ServiceParts, accounts: Accounts): ServicePlane {
  const startedMs = clock.now();
  return {
    ...accounts,
    clock,
    log,
    objects,
    events,
    audit,
    accounts: store.accounts,
    idempotency: store.idempotency,
    ...(manager !== undefined && { manager }),
    health: () => failing(store, manager) ?? { state: 'ok', reason: 'serving', sinceMs: startedMs },
  };
}

function failing(store: Store, manager: ManagerControl | undefined): Degraded | undefined {
  const database = store.health();
  if (database.kind === 'failing')
    return { state: 'degraded', reason: `the database fails: ${database.reason}`, sinceMs: database.sinceMs };
  return manager === undefined ? undefined : managerHealth(manager);
}

function controlPlane(parts: AdminParts, accounts: Accounts): ControlPlane {
  const { config, store, objects, unknownClients, subnets, servers, templates, clock } = parts;
  const { desk, leases, images } = servers;
  const folder = join(config.stateDir, 'images');
  const startedMs = clock.now();
  const removeLeases = async (macs: readonly string[]): Promise<number> => (await leases.removeOf(new Set(macs), desk)).length;
  return {
    ...servicePlane(parts, accounts),
    machines: new Machines({ book: objects, unknown: unknownClients, leases: { removeLeases } }),
    machineList: new MachineList({ book: objects, boots: desk, unknown: unknownClients }),
    unknown: unknownClients,
    boots: desk,
    archive: store.archive,
    templates,
    leases: {
      list: () => leases.list(),
      addressOf: (mac) => leases.addressOf(mac),
      remove: (address, force) => leases.remove(address, desk, { force }),
    },
    images: {
      list: () => images.list(),
      newest: (image) => images.newest(image),
      delete: (ref, usedBy) => deleteInThread(folder, ref, usedBy),
      verify: (ref, onProgress, signal) => verifyInThread(folder, ref, onProgress, signal),
    },
    unserved: () => subnets.unserved,
    health() {
      const [unserved] = subnets.unserved;
      if (unserved !== undefined)
        return { state: 'degraded', reason: `subnet ${unserved[0]} is not served: ${unserved[1]}`, sinceMs: startedMs };
      return failing(store, parts.manager) ?? { state: 'ok', reason: 'serving', sinceMs: startedMs };
    },
  };
}

function tlsOf(certificate: string | undefined, key: string | undefined): { readonly tls: TlsFiles } | undefined {
  if (certificate === undefined || key === undefined) return undefined;
  return { tls: readTlsFiles(certificate, key) };
}
