import { randomBytes, randomUUID } from 'node:crypto';
import { renderDomain } from './boot/domain-rendering.ts';
import type { TemplateSet } from './boot/template-set.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { EventLog } from './events/event-log.ts';
import type { NewEvent } from './events/event-store.ts';
import type { HostBoots } from './host-boots.ts';
import { resolveVmImage, type VersionShelf } from './images/vm-image.ts';
import type { Log } from './log.ts';
import type { ObjectBook } from './machines/object-book.ts';
import { startManagerBus } from './manager-bus.ts';
import { Manager } from './manager/manager.ts';
import type { PowerControl } from './manager/surroundings.ts';
import type { Mac } from './model/mac.ts';
import type { Vm } from './model/vm.ts';
import { OwnLinks } from './service/own-links.ts';
import type { Store } from './store/store.ts';

export interface ManagerServiceParts {
  readonly config: Config;
  readonly store: Pick<Store, 'manager'>;
  readonly objects: ObjectBook;
  readonly boots: HostBoots;
  readonly images: VersionShelf;
  readonly templates: { readonly current: TemplateSet };
  readonly events: Pick<EventLog, 'append' | 'subscribe'>;
  readonly busKey: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
}

/** No machine has a power control that virtdom knows of yet: its power is never a proof. */
const noPower: PowerControl = {
  has: () => false,
  read: (machine) => Promise.resolve({ kind: 'unknown', reason: `no power control is known of ${machine}` }),
  switch: (machine) => Promise.resolve({ kind: 'unknown', reason: `no power control is known of ${machine}` }),
};

const dayMs = 86_400_000;

/** Which VM has a MAC, in words. Asked for each packet of a client that is no machine: the cards are gone through once for each list. */
export function guestsOf(manager: () => Manager | undefined): (mac: Mac) => string | undefined {
  let vms: readonly Vm[] = [];
  let names = new Map<Mac, string>();
  return (mac) => {
    const now = manager()?.vms() ?? [];
    if (now !== vms) {
      vms = now;
      names = new Map(
        now.flatMap(({ name, environment, cards }) => cards.map((card) => [card.mac, `VM ${name} of environment ${environment}`])),
      );
    }
    return names.get(mac);
  };
}

/** The VM manager with its bus. Closes the manager first, so that what it still says is heard. */
export async function startManagerService(parts: ManagerServiceParts): Promise<{ readonly manager: Manager } & AsyncDisposable> {
  await using started = new AsyncDisposableStack();
  const { config, store, objects, boots, images, templates, events, clock, log } = parts;
  const say = (event: NewEvent): void => tell(event, events, log);
  const bus = await startManagerBus({ ...parts, bus: config.bus, name: config.serverName, tell: say });
  started.use(bus);
  const manager = await Manager.start(
    {
      name: config.serverName,
      clock,
      bus: bus.bus,
      store: store.manager,
      power: noPower,
      objects: {
        get current() {
          return objects.current;
        },
        subscribe: (listener) => objects.subscribe(listener),
      },
      boots: { newest: (machine) => boots.newest(machine), subscribe: (listener) => boots.subscribe(listener) },
      network: new OwnLinks(clock),
      images: { resolve: (image) => resolveVmImage(images, image) },
      renderDomain: (vm, environment, host) => renderDomain(templates.current, vm, environment, host),
      tell: say,
      events: { subscribe: (listener) => followEvents(events, log, listener) },
      log,
      newId: () => randomUUID(),
      newKey: () => randomBytes(32).toString('base64url'),
    },
    { busKind: bus.kind, historyMs: config.keep.commandDays * dayMs },
  );
  started.defer(() => manager.close());
  const running = started.move();
  return { manager, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Hands on what is told from now on, but for single packets and files, as soon as it is durable. @returns what ends that */
export function followEvents(events: Pick<EventLog, 'subscribe'>, log: Log, listener: (event: NewEvent) => void): () => void {
  const subscription = events.subscribe({ filter: { severity: 'info' } });
  const follow = async (): Promise<void> => {
    for await (const item of subscription) if (item.kind === 'event') listener(item.event);
  };
  follow().catch((error: unknown) => log.error({ err: error }, 'events are not followed any more: triggers see none until the next start'));
  return () => subscription.close();
}

const levels = { debug: 'debug', info: 'info', warning: 'warn', error: 'error' } as const;

/** What the manager says is kept for people, and is a line of the log. */
function tell(event: NewEvent, events: Pick<EventLog, 'append'>, log: Log): void {
  const { kind, severity, machine, detail } = event;
  events.append(event);
  log[levels[severity]]({ event: 'manager', kind, ...(machine !== undefined && { machine }), ...detail }, kind);
}
