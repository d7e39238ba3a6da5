import type { LoaderArch } from '../model/boot-profile.ts';
import { cidrContains, parseIpv4 } from '../model/ipv4.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine, Nic } from '../model/machine.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { UnknownClient } from '../model/unknown-client.ts';
import { compareNames } from './natural-order.ts';
import type { ObjectBook } from './object-book.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { StoredObject } from './object-store.ts';
import { madeUpName } from '../boot/waiting.ts';

export const machineStates = [
  'pending',
  'ignored',
  'unassigned',
  'new',
  'booting',
  'up',
  'stuck',
  'failed',
  'local',
  'handed-over',
] as const;
export type MachineState = (typeof machineStates)[number];

/** Where the newest boot of a machine stands; the boot desk knows. */
export interface BootStates {
  stateOf(machine: string): MachineBootState | undefined;
}

export interface MachineBootState {
  readonly state: 'booting' | 'stuck' | 'up' | 'local' | 'handed-over' | 'failed';
  readonly reason: string;
  /** Wall-clock milliseconds. */
  readonly sinceMs: number;
  readonly openedMs: number;
  /** Of the boot attempt. */
  readonly attempt?: string;
  readonly lastStage?: string;
  readonly address?: Ipv4;
  readonly image?: string;
  readonly profile?: string;
}

/** One line of the machine list: a machine of ours, or an unknown client that waits to become one. */
export interface MachineView {
  readonly name: string;
  /** Whether it is a machine of ours. */
  readonly known: boolean;
  readonly state: MachineState;
  readonly reason: string;
  /** Wall-clock milliseconds. */
  readonly sinceMs: number;
  readonly nics: readonly Nic[];
  /** The one that it had last. */
  readonly address?: Ipv4;
  readonly profile?: string;
  readonly role?: string;
  readonly ignored: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly uuid?: string;
  readonly arch?: LoaderArch;
  readonly subnet?: string;
  readonly lastBootMs?: number;
  readonly attempt?: string;
  readonly lastStage?: string;
  readonly image?: string;
  readonly bootOnce?: OneShot;
  readonly revision?: number;
  readonly updatedMs?: number;
  readonly updatedBy?: string;
  /** Of unknown clients. */
  readonly firstSeenMs?: number;
  readonly lastSeenMs?: number;
  readonly timesSeen?: number;
}

export const machineSorts = ['name', 'lastBootAt', 'state', 'since'] as const;
export type MachineSort = (typeof machineSorts)[number];

export interface MachineQuery {
  readonly states?: readonly MachineState[];
  readonly role?: string;
  readonly profile?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly subnet?: string;
  /** A text that the name, a MAC, an address, the UUID, the role, the profile or a label holds. */
  readonly q?: string;
  /** `-` for descending. */
  readonly sort?: MachineSort | `-${MachineSort}`;
  readonly limit: number;
  readonly cursor?: string;
  /** Whether to count all that match. */
  readonly total?: boolean;
}

export type MachinePage =
  | { readonly kind: 'page'; readonly items: readonly MachineView[]; readonly nextCursor?: string; readonly total?: number }
  | { readonly kind: 'bad-cursor' };

export interface MachineListDependencies {
  readonly book: Pick<ObjectBook, 'current'>;
  readonly boots: BootStates;
  readonly unknown: { list(): readonly UnknownClient[]; find(nameOrMac: string): UnknownClient | undefined };
}

/** Machines and unknown clients as people look at them: one list, with the state of each and why. */
export class MachineList {
  readonly #deps: MachineListDependencies;

  constructor(deps: MachineListDependencies) {
    this.#deps = deps;
  }

  find(name: string): MachineView | undefined {
    const { current } = this.#deps.book;
    const stored = current.find('Machine', name);
    if (stored !== undefined) return this.#known(stored, current);
    const client = this.#deps.unknown.find(name);
    return client === undefined ? undefined : this.#unknown(client, current);
  }

  /** A cursor names the last line of a page, so that lines that come or go meanwhile shift nothing. */
  page({ sort = 'name', limit, cursor, total = false, ...filter }: MachineQuery): MachinePage {
    const after = cursor === undefined ? undefined : decodeCursor(cursor, sort);
    if (after === 'bad') return { kind: 'bad-cursor' };
    const order = orderOf(sort);
    const matching = this.#views().filter(matcher(filter, this.#deps.book.current));
    const rest = after === undefined ? matching : matching.filter((view) => order(view, after) > 0);
    const items = smallest(rest, limit, order);
    const last = items.at(-1);
    return {
      kind: 'page',
      items,
      ...(last !== undefined && rest.length > items.length && { nextCursor: encodeCursor(last, sort) }),
      ...(total && { total: matching.length }),
    };
  }

  /** How many are in each state. */
  counts(): Readonly<Record<MachineState, number>> {
    const counts = Object.fromEntries(machineStates.map((state) => [state, 0])) as Record<MachineState, number>;
    for (const { state } of this.#views()) counts[state]++;
    return counts;
  }

  #views(): MachineView[] {
    const { current } = this.#deps.book;
    const known = current.list('Machine').map((stored) => this.#known(stored, current));
    return known.concat(this.#deps.unknown.list().map((client) => this.#unknown(client, current)));
  }

  #known(stored: StoredObject, snapshot: ObjectSnapshot): MachineView {
    const { name, revision, updatedMs, updatedBy } = stored;
    const machine = snapshot.object('Machine', name);
    if (machine === undefined) return unreadable(stored);
    const boot = this.#deps.boots.stateOf(name);
    const bootOnce = snapshot.oneShots.get(name);
    const address = boot?.address ?? machine.nics.find((nic) => nic.address !== undefined)?.address;
    const { profile, role, uuid } = machine;
    return {
      name,
      known: true,
      ...stateOf(machine, boot, stored),
      nics: machine.nics,
      ...(address !== undefined && { address }),
      ...(profile !== undefined && { profile }),
      ...(role !== undefined && { role }),
      ignored: machine.ignored ?? false,
      labels: machine.labels,
      ...(uuid !== undefined && { uuid }),
      ...(boot !== undefined && { lastBootMs: boot.openedMs }),
      ...(boot?.attempt !== undefined && { attempt: boot.attempt }),
      ...(boot?.lastStage !== undefined && { lastStage: boot.lastStage }),
      ...(boot?.image !== undefined && { image: boot.image }),
      ...(bootOnce !== undefined && { bootOnce }),
      revision,
      updatedMs,
      updatedBy,
    };
  }

  #unknown(client: UnknownClient, snapshot: ObjectSnapshot): MachineView {
    const { mac, uuid, arch, subnet, address, firstSeenMs, lastSeenMs, timesSeen } = client;
    const name = madeUpName(mac);
    const boot = this.#deps.boots.stateOf(name);
    const policy = snapshot.object('Subnet', subnet)?.unknown.kind;
    const what =
      policy === 'pending' || policy === undefined
        ? 'waits for an assignment'
        : policy === 'ignore'
          ? `is not answered: subnet ${subnet} ignores unknown clients`
          : policy === 'lease'
            ? `has an address only: so subnet ${subnet} treats unknown clients`
            : `boots as subnet ${subnet} lets unknown clients`;
    return {
      name,
      known: false,
      state: 'pending',
      reason: boot === undefined ? `no machine of ours; ${what}` : `no machine of ours; ${what}; ${boot.state}: ${boot.reason}`,
      sinceMs: firstSeenMs,
      nics: [{ mac }],
      ...(address !== undefined && { address }),
      ignored: false,
      labels: {},
      ...(uuid !== undefined && { uuid }),
      ...(arch !== undefined && { arch }),
      subnet,
      lastBootMs: lastSeenMs,
      ...(boot?.attempt !== undefined && { attempt: boot.attempt }),
      firstSeenMs,
      lastSeenMs,
      timesSeen,
    };
  }
}

function stateOf(
  { name, profile, ignored }: Machine,
  boot: MachineBootState | undefined,
  { createdMs, updatedMs, updatedBy }: StoredObject,
): Pick<MachineView, 'state' | 'reason' | 'sinceMs'> {
  if (ignored === true) return { state: 'ignored', reason: `set to be ignored by ${updatedBy}`, sinceMs: updatedMs };
  if (boot !== undefined) return { state: boot.state, reason: boot.reason, sinceMs: boot.sinceMs };
  if (profile === undefined)
    return { state: 'unassigned', reason: `has no profile: see virtdom machine assign ${name}`, sinceMs: updatedMs };
  return { state: 'new', reason: 'was never seen to boot', sinceMs: createdMs };
}

function unreadable({ name, revision, updatedMs, updatedBy }: StoredObject): MachineView {
  const reason = 'its document cannot be read by this version of virtdom: edit or remove it';
  const rest = { nics: [], ignored: false, labels: {}, revision, updatedMs, updatedBy };
  return { name, known: true, state: 'failed', reason, sinceMs: updatedMs, ...rest };
}

type Filter = Pick<MachineQuery, 'states' | 'role' | 'profile' | 'labels' | 'subnet' | 'q'>;

function matcher({ states, role, profile, labels, subnet, q }: Filter, snapshot: ObjectSnapshot): (view: MachineView) => boolean {
  const wantedLabels = Object.entries(labels ?? {});
  const text = q?.trim().toLowerCase() ?? '';
  const mac = text.replaceAll('-', ':');
  const cidr = subnet === undefined ? undefined : snapshot.object('Subnet', subnet)?.cidr;
  return (view) =>
    (states === undefined || states.includes(view.state)) &&
    (role === undefined || view.role === role) &&
    (profile === undefined || view.profile === profile) &&
    wantedLabels.every(([key, value]) => Object.hasOwn(view.labels, key) && view.labels[key] === value) &&
    (subnet === undefined ||
      view.subnet === subnet ||
      (cidr !== undefined && addressesOf(view).some((address) => cidrContains(cidr, parseIpv4(address) ?? 0)))) &&
    (text === '' || holds(view, text, mac));
}

function addressesOf({ address, nics }: MachineView): Ipv4[] {
  return [address, ...nics.map((nic) => nic.address)].filter((each) => each !== undefined);
}

function holds(view: MachineView, text: string, mac: Mac): boolean {
  return (
    view.name.includes(text) ||
    view.nics.some((nic) => nic.mac.includes(mac) || nic.address?.includes(text) === true) ||
    [view.address, view.uuid, view.role, view.profile].some((value) => value?.includes(text) === true) ||
    Object.entries(view.labels).some(([key, value]) => `${key}=${value}`.toLowerCase().includes(text))
  );
}

/** What a line is sorted by: its value, then its name. */
interface SortKey {
  readonly name: string;
  readonly state?: MachineState;
  readonly lastBootMs?: number;
  readonly sinceMs?: number;
}

type Order = (a: SortKey, b: SortKey) => number;

function orderOf(sort: NonNullable<MachineQuery['sort']>): Order {
  const sign = sort.startsWith('-') ? -1 : 1;
  const by = orders[sort.replace(/^-/, '') as MachineSort];
  return (a, b) => sign * (by(a, b) || compareNames(a.name, b.name));
}

const orders: Readonly<Record<MachineSort, Order>> = {
  name: () => 0,
  state: (a, b) => machineStates.indexOf(a.state ?? 'pending') - machineStates.indexOf(b.state ?? 'pending'),
  lastBootAt: (a, b) => (a.lastBootMs ?? 0) - (b.lastBootMs ?? 0),
  since: (a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0),
};

/** The first few in order, without sorting all of them where few are asked for. */
function smallest(views: readonly MachineView[], limit: number, order: Order): MachineView[] {
  return [...views].sort(order).slice(0, limit);
}

function encodeCursor({ name, state, lastBootMs, sinceMs }: MachineView, sort: string): string {
  return Buffer.from(JSON.stringify([sort, name, state, lastBootMs ?? 0, sinceMs])).toString('base64url');
}

function decodeCursor(cursor: string, sort: string): SortKey | 'bad' {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (!Array.isArray(value)) return 'bad';
    const [of, name, state, lastBootMs, sinceMs] = value as unknown[];
    const known = machineStates.find((each) => each === state);
    if (of !== sort || typeof name !== 'string' || known === undefined) return 'bad';
    return typeof lastBootMs === 'number' && typeof sinceMs === 'number' ? { name, state: known, lastBootMs, sinceMs } : 'bad';
  } catch {
    return 'bad';
  }
}
