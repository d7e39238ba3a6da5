import type { AccountStore } from '../api/account-store.ts';
import type { IdempotencyStore } from '../api/idempotency-store.ts';
import type { TaskStore } from '../api/task-store.ts';
import type { AttemptArchive, AttemptStore } from '../boot/attempt-store.ts';
import type { LeaseStore } from '../dhcp/lease-store.ts';
import type { AuditStore } from '../events/audit-store.ts';
import type { EventStore } from '../events/event-store.ts';
import type { ObjectStore, UnknownClientStore } from '../machines/object-store.ts';
import type { ManagerStore } from '../manager/manager-store.ts';
import type { HostBootStore } from '../model/host-boot-store.ts';
import type { Lease } from '../model/lease.ts';
import type { TemplateStore } from '../templates/template-store.ts';
import { lookups, offer, prunes, reads, writes } from './calls.ts';
import type { Followers } from './followers.ts';
import type { Reader } from './reader.ts';
import type { StoreThread } from './store-thread.ts';

/** What the rooms declare, put together from `calls.ts`. */
export interface StoreAreas {
  readonly leases: LeaseStore;
  readonly attempts: AttemptStore;
  readonly archive: AttemptArchive;
  readonly objects: ObjectStore;
  readonly unknownClients: UnknownClientStore;
  readonly templates: TemplateStore;
  readonly events: EventStore;
  readonly audit: AuditStore;
  readonly accounts: AccountStore;
  readonly tasks: TaskStore;
  readonly idempotency: IdempotencyStore;
  readonly manager: ManagerStore;
  readonly hostBoots: HostBootStore;
}

export interface AreaParts {
  readonly writer: Pick<StoreThread, 'run'>;
  readonly reader: Pick<Reader, 'run'>;
  readonly followers: Followers;
}

/** Keys to delete at a time: few enough that a lease which comes meanwhile does not wait for long. */
const biteRows = 500;

export function storeAreas({ writer, reader, followers }: AreaParts): StoreAreas {
  const look = offer(lookups, (area, name, args) => writer.run('lookups', area, name, args));
  const read = offer(reads, (area, name, args) => reader.run('reads', area, name, args));
  const write = offer(writes, (area, name, args) => writer.run('writes', area, name, args));
  const prune =
    (area: keyof typeof prunes) =>
    async (beforeMs: number): Promise<number> => {
      let removed = 0;
      for (;;) {
        const keys = (await reader.run('expired', area, '', [beforeMs, biteRows])) as readonly unknown[];
        if (keys.length === 0) return removed;
        const count = (await writer.run('remove', area, '', [keys])) as number;
        removed += count;
        // Somebody changed all of them meanwhile: the next time will do.
        if (count === 0) return removed;
      }
    };

  return {
    leases: {
      load: look.leases.load,
      commit: async (leases) => (await write.leases.commit(leases)).standing,
      follow: (written, lost) => followers.set('leases', { heard: (leases) => written(leases as readonly Lease[]), missed: lost }),
    },
    attempts: {
      load: look.attempts.load,
      save: async (attempt) => void (await write.attempts.save(attempt)),
      redeem: write.attempts.redeem,
    },
    archive: { ...look.archive, ...read.archive, prune: prune('archive') },
    objects: {
      ...look.objects,
      ...write.objects,
      follow: (listener) => followers.set('objects', { heard: listener, missed: listener }),
    },
    unknownClients: { ...look.unknownClients, ...write.unknownClients },
    templates: {
      ...look.templates,
      ...read.templates,
      ...write.templates,
      follow: (listener) => followers.set('templates', { heard: listener, missed: listener }),
    },
    events: {
      ...look.events,
      ...read.events,
      ...write.events,
      prune: prune('events'),
      follow: (listener) =>
        followers.set('events', {
          heard: (numbers) => listener(Math.max(...(numbers as readonly number[]))),
          missed: async () => listener((await look.events.bounds()).newest),
        }),
    },
    audit: { ...read.audit, ...write.audit, prune: prune('audit') },
    accounts: { ...look.accounts, ...write.accounts, prune: prune('accounts') },
    tasks: { ...look.tasks, ...read.tasks, ...write.tasks, prune: prune('tasks') },
    idempotency: { ...write.idempotency, prune: prune('idempotency') },
    manager: {
      ...look.manager,
      ...write.manager,
      prune: prune('manager'),
      follow: (listener) => followers.set('manager', { heard: listener, missed: listener }),
    },
    hostBoots: {
      ...look.hostBoots,
      prune: prune('hostBoots'),
      follow: (listener) => followers.set('hostBoots', { heard: listener, missed: listener }),
    },
  };
}
