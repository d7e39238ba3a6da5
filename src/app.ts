import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { startAdmin } from './admin.ts';
import { agentSession, type AgentSessionParts } from './agent-session.ts';
import { BootDesk } from './boot/boot-desk.ts';
import type { BootObjects } from './boot/boot-facts.ts';
import type { ProvedBoots } from './boot/proved-boots.ts';
import { eventLog, keptEvents } from './boot/event-log.ts';
import { formatProblem } from './boot/template-error.ts';
import { BootServers } from './boot-servers.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { AuditLog } from './events/audit-log.ts';
import { bootEventOf } from './events/boot-event.ts';
import { EventLog } from './events/event-log.ts';
import { Pruning } from './events/pruning.ts';
import { takeOverFirstObjects } from './first-objects.ts';
import { checkExpression } from './expression-checks.ts';
import { HostBoots } from './host-boots.ts';
import type { Log } from './log.ts';
import { ObjectBook } from './machines/object-book.ts';
import { guestsOf, startManagerService } from './manager-service.ts';
import type { Manager } from './manager/manager.ts';
import { UnknownClients } from './machines/unknown-clients.ts';
import { ServedSubnets } from './served-subnets.ts';
import { watchFolder } from './service/folder-watch.ts';
import { takeInstanceLock } from './service/instance-lock.ts';
import { ownAddresses } from './service/own-addresses.ts';
import { secretKey } from './service/secret-key.ts';
import { isPostgres } from './store/engine.ts';
import { openStore } from './store/store.ts';
import { templateEventOf, templateUser } from './template-adapters.ts';
import { TemplateLibrary } from './templates/template-library.ts';

const maxProblemsTold = 20;

export interface AppParts {
  readonly config: Config;
  /** Of virtdom. */
  readonly version: string;
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
 * Builds every concrete thing, hands them to each other and starts them: what is known, then who serves machines, then who
 * serves people, and DHCP at last, when nothing holds an answer up any more. Where one cannot start, those before it are closed again.
 * @throws BindFailure, ConfigError, InstanceLockError, StoreError, TemplatesError
 */
export async function startApp({ config, version, clock, log, onFailure }: AppParts): Promise<App> {
  await using started = new AsyncDisposableStack();
  const lock = takeInstanceLock(join(config.stateDir, 'virtdom.lock'));
  started.defer(() => lock.release());
  const store = await openStore({ database: config.database, serverId: config.serverName, log, onFailure });
  started.defer(() => store.close());

  const events = await EventLog.open({ store: store.events, keepDays: config.keep.eventDays, clock, log });
  started.defer(() => events.close());
  const audit = new AuditLog({ store: store.audit, keepDays: config.keep.auditDays, clock, log });
  started.defer(() => audit.close());
  const prunes = { 'boot attempts': store.archive, 'boots of hosts': store.hostBoots };
  for (const [of, history] of Object.entries(prunes)) {
    const prune = (beforeMs: number): Promise<number> => history.prune(beforeMs);
    const pruning = new Pruning({ prune, keepDays: config.keep.attemptDays, of, clock, log });
    started.defer(() => pruning.close());
  }
  const objects = await ObjectBook.open({ store: store.objects, clock, log, checkExpression });
  started.defer(() => objects.close());
  const { objectsFile: file } = config;
  const begins = file !== undefined && (await takeOverFirstObjects({ objects, file, namedBy: config.file, log }));
  const unknownClients = await UnknownClients.open({ store: store.unknownClients, book: objects, clock, log });
  started.defer(() => unknownClients.close());
  const boots = await HostBoots.open({ store: store.hostBoots, clock, log });
  started.defer(() => boots.close());
  const subnets = new ServedSubnets({ objects, clock, log, interfaces: networkInterfaces, ownAddresses });
  if (begins) subnets.requireAll();

  // Templates are checked by the desk, which is made from them.
  let desk: BootDesk | undefined;
  const templates = await TemplateLibrary.open({
    store: store.templates,
    folder: config.templatesDir,
    user: templateUser(
      () => desk,
      () => objects.current.environments,
    ),
    clock,
    log,
    listener: (notice) => events.append(templateEventOf(notice, clock.now())),
  });
  started.defer(() => templates.close());

  const busKey = secretKey(join(config.stateDir, 'keys', 'bus.key'));
  let manager: Manager | undefined;
  const isMachine = (name: string): boolean => objects.current.find('Machine', name) !== undefined;
  const listening = { log, clock, isMachine };
  const listeners = [eventLog(listening), keptEvents(listening, (event) => events.append(bootEventOf(event)))];
  const bootObjects = (): BootObjects => {
    const { profiles, machines, oneShots } = objects.current;
    return { subnets: subnets.current, profiles, machines, oneShots };
  };
  const servers = await BootServers.start({
    subnets: subnets.current,
    settings: config,
    nfsHandleKey: secretKey(join(config.stateDir, 'keys', 'nfs-handle.key')),
    leases: store.leases,
    ...(isPostgres(config.database) && { serverId: config.serverName }),
    openDesk: (known) =>
      BootDesk.open({
        ...known,
        objects: bootObjects(),
        loadersDir: join(config.stateDir, 'loaders'),
        templates: templates.current,
        httpPort: config.http.port,
        sightings: unknownClients,
        guestOf: guestsOf(() => manager),
        oneShotUsed: (id) => objects.oneShotUsed(id),
        ...(config.manager.run !== 'off' && { boots: bootsOfAgents(boots, { bus: config.bus, key: busKey }) }),
        store: store.attempts,
        secret: secretKey(join(config.stateDir, 'keys', 'boot-token.key')),
        clock,
        log,
        listener: (event) => listeners.forEach((listen) => listen(event)),
      }),
    clock,
    log,
  });
  started.use(servers);
  desk = servers.desk;

  started.defer(objects.subscribe(() => servers.desk.setObjects(bootObjects())));
  const templateWatch = watchFolder(
    config.templatesDir,
    clock,
    () => void reloadTemplates(templates, log),
    (error) => log.error({ err: error, folder: config.templatesDir }, 'templates can no longer be watched: restart to have edits noticed'),
  );
  started.defer(() => templateWatch.close());

  if (config.manager.run === 'inside') {
    const { images } = servers;
    const service = await startManagerService({ config, store, objects, boots, images, templates, events, busKey, clock, log });
    started.use(service);
    manager = service.manager;
  }
  const admin = await startAdmin({
    config,
    version,
    store,
    objects,
    unknownClients,
    subnets,
    servers,
    templates,
    events,
    audit,
    ...(manager !== undefined && { manager }),
    clock,
    log,
  });
  started.use(admin);
  await servers.answerDhcp();
  subnets.follow((served) => {
    servers.desk.setObjects(bootObjects());
    void servers.setSubnets(served);
  });
  started.defer(() => subnets.close());
  void tellTemplateProblems(servers.desk, log);

  const { machines } = objects.current;
  log.info({ subnets: subnets.current.map(({ name }) => name), addresses: servers.addresses, machines: machines.length }, 'virtdom serves');
  const running = started.move();
  return { close: () => running.disposeAsync() };
}

/** Each boot that says hello becomes known, and is told how its agent reaches the manager. */
function bootsOfAgents(boots: HostBoots, session: AgentSessionParts): ProvedBoots {
  return {
    newest: (machine) => boots.newest(machine),
    get latest() {
      return boots.latest;
    },
    kept(boot, httpUrl) {
      boots.learn(boot);
      return agentSession(session, boot, httpUrl);
    },
  };
}

/** A template that fails for one machine keeps no other from booting. */
async function tellTemplateProblems(checking: BootDesk, log: Log): Promise<void> {
  const { problems } = await checking.checkTemplates();
  for (const problem of problems.slice(0, maxProblemsTold))
    log.error({ ...problem }, `this machine has no menu: ${formatProblem(problem)}`);
  if (problems.length > maxProblemsTold) log.error({ problems: problems.length }, 'more templates fail: virtdom template check says all');
}

async function reloadTemplates(templates: TemplateLibrary, log: Log): Promise<void> {
  try {
    const problems = await templates.reloadShipped();
    for (const problem of problems) log.error({ ...problem }, `the last good templates keep serving: ${formatProblem(problem)}`);
    if (problems.length === 0) log.info({}, 'templates are as in their folder');
  } catch (error) {
    log.error({ err: error }, 'templates cannot be read: the last good ones keep serving');
  }
}
