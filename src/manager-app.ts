import { join } from 'node:path';
import { startManagerAdmin } from './admin.ts';
import type { App, AppParts } from './app.ts';
import { AuditLog } from './events/audit-log.ts';
import { EventLog } from './events/event-log.ts';
import { checkExpression } from './expression-checks.ts';
import { HostBoots } from './host-boots.ts';
import { ObjectBook } from './machines/object-book.ts';
import { startManagerService } from './manager-service.ts';
import { ServedImages } from './served-images.ts';
import { takeInstanceLock } from './service/instance-lock.ts';
import { secretKey } from './service/secret-key.ts';
import { openStore } from './store/store.ts';
import { templateUser } from './template-adapters.ts';
import { TemplateLibrary } from './templates/template-library.ts';

/** Images are served by who boots machines; here it is only to be known which there are. */
const noReaders = { publish: () => Promise.resolve(), withdraw: () => Promise.resolve() };

/**
 * The VM manager by itself, on the database of the servers that boot machines. It hears of objects and of boots by that database, so
 * it has to be one that tells.
 * @throws InstanceLockError, StoreError, TemplatesError
 */
export async function startManagerApp({ config, version, clock, log, onFailure }: AppParts): Promise<App> {
  await using started = new AsyncDisposableStack();
  const lock = takeInstanceLock(join(config.stateDir, 'manager.lock'));
  started.defer(() => lock.release());
  const store = await openStore({ database: config.database, serverId: `${config.serverName}/manager`, log, onFailure });
  started.defer(() => store.close());
  const events = await EventLog.open({ store: store.events, keepDays: config.keep.eventDays, clock, log });
  started.defer(() => events.close());
  const audit = new AuditLog({ store: store.audit, keepDays: config.keep.auditDays, clock, log });
  started.defer(() => audit.close());
  const objects = await ObjectBook.open({ store: store.objects, clock, log, checkExpression });
  started.defer(() => objects.close());
  const boots = await HostBoots.open({ store: store.hostBoots, clock, log });
  started.defer(() => boots.close());
  const images = new ServedImages({ images: join(config.stateDir, 'images'), nfs: noReaders, readers: [], log });
  await images.start();
  started.defer(() => images.close());
  const templates = await TemplateLibrary.open({
    store: store.templates,
    folder: config.templatesDir,
    user: templateUser(
      () => undefined,
      () => objects.current.environments,
    ),
    clock,
    log,
    listener: () => {},
  });
  started.defer(() => templates.close());
  const busKey = secretKey(join(config.stateDir, 'keys', 'bus.key'));
  const service = await startManagerService({ config, store, objects, boots, images, templates, events, busKey, clock, log });
  started.use(service);
  started.use(await startManagerAdmin({ config, version, store, objects, events, audit, manager: service.manager, clock, log }));
  log.info({ manager: config.serverName }, 'virtdom manager runs');
  const running = started.move();
  return { close: () => running.disposeAsync() };
}
