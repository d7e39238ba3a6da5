import type { BootDesk } from '../boot/boot-desk.ts';
import type { AttemptArchive } from '../boot/attempt-store.ts';
import type { Clock } from '../clock.ts';
import type { AuditLog } from '../events/audit-log.ts';
import type { EventLog } from '../events/event-log.ts';
import type { PublishedVersion } from '../images/published-version.ts';
import type { Log } from '../log.ts';
import type { MachineList } from '../machines/machine-list.ts';
import type { Machines } from '../machines/machines.ts';
import type { ObjectBook } from '../machines/object-book.ts';
import type { UnknownClients } from '../machines/unknown-clients.ts';
import type { ManagerControl } from '../manager/manager-control.ts';
import type { ImageRef } from '../model/image-manifest.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Lease } from '../model/lease.ts';
import type { Mac } from '../model/mac.ts';
import type { TemplateLibrary } from '../templates/template-library.ts';
import type { AccountStore } from './account-store.ts';
import type { FirstAdmin } from './first-admin.ts';
import type { IdempotencyStore } from './idempotency-store.ts';
import type { PasswordHasher } from './password.ts';
import type { TaskRunner } from './task-runner.ts';

/** What every process has that speaks to people: the app hands over the real things, tests theirs. */
export interface ServicePlane {
  readonly clock: Clock;
  readonly log: Log;
  readonly objects: ObjectBook;
  readonly events: Pick<EventLog, 'append' | 'page' | 'subscribe' | 'newest'>;
  readonly audit: Pick<AuditLog, 'recordAll' | 'page'>;
  readonly accounts: AccountStore;
  readonly idempotency: IdempotencyStore;
  readonly tasks: Pick<TaskRunner, 'start' | 'find' | 'page' | 'cancel'>;
  /** While there may be no user yet. */
  readonly firstAdmin?: Pick<FirstAdmin, 'redeem'>;
  readonly hasher?: PasswordHasher;
  /** How the service is, in words. */
  readonly health?: () => { readonly state: 'ok' | 'degraded'; readonly reason: string; readonly sinceMs: number };
  /** Where the VM manager runs in this process. It is asked for with each request: it may come later than the routes. */
  readonly manager?: ManagerControl | undefined;
}

/** What a process has beside that boots machines: without it, it has no routes for them. */
export interface ControlPlane extends ServicePlane {
  readonly machines: Pick<Machines, 'enrol' | 'edit' | 'assign' | 'release' | 'ignore' | 'remove' | 'bootOnce' | 'cancelBootOnce'>;
  readonly machineList: Pick<MachineList, 'page' | 'find'>;
  readonly unknown: Pick<UnknownClients, 'find' | 'forget'>;
  readonly boots: Pick<BootDesk, 'stateOf' | 'preview' | 'decisionNow' | 'attempt'>;
  readonly archive: Pick<AttemptArchive, 'page' | 'find'>;
  readonly templates: TemplateLibrary;
  readonly leases: LeaseList;
  readonly images: ImageCatalog;
  /** Subnets that this server does not answer on, by name, and why. */
  readonly unserved?: () => ReadonlyMap<string, string>;
}

export function bootsMachines(plane: ServicePlane | ControlPlane): plane is ControlPlane {
  return 'boots' in plane;
}

/** Who has which address. */
export interface LeaseList {
  /** History included; the order is of no importance. */
  list(): readonly (Omit<Lease, 'state'> & { readonly state: Lease['state'] | 'expired' })[];
  addressOf(mac: Mac): Ipv4 | undefined;
  /** Durable when it resolves. One that is bound is ended only by force: its client goes on using the address. */
  remove(address: Ipv4, force: boolean): Promise<{ readonly kind: 'removed' | 'in-use' | 'renewed' | 'none' }>;
}

/** The images that are published here. */
export interface ImageCatalog {
  list(): readonly PublishedVersion[];
  newest(image: string): ImageRef | undefined;
  /** @throws ImageError where it is the newest, or in use */
  delete(ref: ImageRef, usedBy: readonly string[]): Promise<{ readonly contentsRemoved: number }>;
  /** Reads every content again, beside the control thread. Returns what is wrong, one sentence each. */
  verify(ref: ImageRef, onProgress: (done: number, total: number) => void, signal: AbortSignal): Promise<readonly string[]>;
}
