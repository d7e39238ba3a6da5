import { madeUpName } from '../boot/waiting.ts';
import { cidrContains, parseIpv4 } from '../model/ipv4.ts';
import type { Cidr } from '../model/ipv4.ts';
import type { Machine } from '../model/machine.ts';
import type { UnknownClient } from '../model/unknown-client.ts';
import { lineOfClient, lineOfMachine, machineStates, viewOf } from './machine-view.ts';
import type { BootStates, MachineLine, MachineState, MachineView } from './machine-view.ts';
import { compareNames } from './natural-order.ts';
import type { ObjectBook } from './object-book.ts';
import type { ObjectSnapshot } from './object-state.ts';

export type { MachineView } from './machine-view.ts';

export const machineSorts = ['name', 'lastBootAt', 'state', 'since'] as const;
export type MachineSort = (typeof machineSorts)[number];

export interface MachineQuery {
  readonly states?: readonly MachineState[];
  readonly role?: string;
  readonly profile?: string;
  /** `true` stands for any value. */
  readonly labels?: Readonly<Record<string, string | true>>;
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
    const { book, boots, unknown } = this.#deps;
    const { current } = book;
    const stored = current.find('Machine', name);
    if (stored !== undefined) return viewOf(lineOfMachine(stored, current.object('Machine', name), boots.stateOf(name)), current);
    const client = unknown.find(name);
    return client === undefined ? undefined : viewOf(lineOfClient(client, boots.stateOf(madeUpName(client.mac))), current);
  }

  /** A cursor names the last line of a page, so that lines that come or go meanwhile shift nothing. */
  page({ sort = 'name', limit, cursor, total = false, ...filter }: MachineQuery): MachinePage {
    const after = cursor === undefined ? undefined : decodeCursor(cursor, sort);
    if (after === 'bad') return { kind: 'bad-cursor' };
    const { current } = this.#deps.book;
    const order = orderOf(sort);
    // To ask where every boot stands takes longer than all the rest.
    const needsBoots = filter.states !== undefined || filter.subnet !== undefined || filter.q !== undefined || !sort.endsWith('name');
    const matching = this.#lines(needsBoots).filter(matcher(filter, current));
    const { items, more } = smallest(matching, limit, order, after);
    const last = items.at(-1);
    return {
      kind: 'page',
      items: items.map((line) => viewOf(needsBoots ? line : this.#lineOf(line), current)),
      ...(last !== undefined && more && { nextCursor: encodeCursor(last, sort) }),
      ...(total && { total: matching.length }),
    };
  }

  /** How many are in each state. */
  counts(): Readonly<Record<MachineState, number>> {
    const counts = Object.fromEntries(machineStates.map((state) => [state, 0])) as Record<MachineState, number>;
    for (const { state } of this.#lines(true)) counts[state]++;
    return counts;
  }

  #lines(withBoots: boolean): MachineLine[] {
    const { book, boots, unknown } = this.#deps;
    const { current } = book;
    const bootOf = withBoots ? (name: string) => boots.stateOf(name) : () => undefined;
    const lines = current.list('Machine').map((stored) => {
      const { name } = stored;
      return lineOfMachine(stored, current.object('Machine', name), bootOf(name));
    });
    for (const client of unknown.list()) lines.push(lineOfClient(client, bootOf(madeUpName(client.mac))));
    return lines;
  }

  #lineOf({ name, stored, machine, client }: MachineLine): MachineLine {
    const boot = this.#deps.boots.stateOf(name);
    if (client !== undefined) return lineOfClient(client, boot);
    if (stored === undefined) throw new Error(`${name} is neither a machine nor an unknown client`);
    return lineOfMachine(stored, machine, boot);
  }
}

type Filter = Pick<MachineQuery, 'states' | 'role' | 'profile' | 'labels' | 'subnet' | 'q'>;

function matcher({ states, role, profile, labels, subnet, q }: Filter, snapshot: ObjectSnapshot): (line: MachineLine) => boolean {
  const wantedLabels = Object.entries(labels ?? {});
  const text = q?.trim().toLowerCase() ?? '';
  const mac = text.replaceAll('-', ':');
  const cidr = subnet === undefined ? undefined : snapshot.object('Subnet', subnet)?.cidr;
  return (line) =>
    (states === undefined || states.includes(line.state)) &&
    (role === undefined || line.machine?.role === role) &&
    (profile === undefined || line.machine?.profile === profile) &&
    wantedLabels.every(([key, value]) => hasLabel(line, key, value)) &&
    (subnet === undefined || line.client?.subnet === subnet || (cidr !== undefined && isOn(line, cidr))) &&
    (text === '' || holds(line, text, mac));
}

function hasLabel({ machine }: MachineLine, key: string, value: string | true): boolean {
  return machine !== undefined && Object.hasOwn(machine.labels, key) && (value === true || machine.labels[key] === value);
}

/** Reserved addresses as numbers: a list of many machines reads them again and again. */
const reservedNumbers = new WeakMap<Machine, readonly number[]>();

function reservedOf(machine: Machine): readonly number[] {
  const known = reservedNumbers.get(machine);
  if (known !== undefined) return known;
  const numbers = machine.nics.flatMap(({ address }) => (address === undefined ? [] : (parseIpv4(address) ?? [])));
  reservedNumbers.set(machine, numbers);
  return numbers;
}

function isOn({ machine, boot }: MachineLine, cidr: Cidr): boolean {
  if (machine !== undefined && reservedOf(machine).some((number) => cidrContains(cidr, number))) return true;
  const number = boot?.address === undefined ? undefined : parseIpv4(boot.address);
  return number !== undefined && cidrContains(cidr, number);
}

function holds({ name, machine, client, boot }: MachineLine, text: string, mac: string): boolean {
  if (name.includes(text)) return true;
  if (client !== undefined && holdsAny(text, [client.address, client.uuid])) return true;
  if (client?.mac.includes(mac) === true) return true;
  if (boot?.address?.includes(text) === true) return true;
  if (machine === undefined) return false;
  for (const nic of machine.nics) if (nic.mac.includes(mac) || nic.address?.includes(text) === true) return true;
  if (holdsAny(text, [machine.uuid, machine.role, machine.profile])) return true;
  return Object.entries(machine.labels).some(([key, value]) => `${key}=${value}`.toLowerCase().includes(text));
}

function holdsAny(text: string, values: readonly (string | undefined)[]): boolean {
  return values.some((value) => value?.includes(text) === true);
}

type SortKey = Pick<MachineLine, 'name' | 'state' | 'sinceMs' | 'lastBootMs'>;
type Order = (a: SortKey, b: SortKey) => number;

function orderOf(sort: NonNullable<MachineQuery['sort']>): Order {
  const sign = sort.startsWith('-') ? -1 : 1;
  const by = orders[sort.replace(/^-/, '') as MachineSort];
  return (a, b) => sign * (by(a, b) || compareNames(a.name, b.name));
}

const orders: Readonly<Record<MachineSort, Order>> = {
  name: () => 0,
  state: (a, b) => machineStates.indexOf(a.state) - machineStates.indexOf(b.state),
  lastBootAt: (a, b) => a.lastBootMs - b.lastBootMs,
  since: (a, b) => a.sinceMs - b.sinceMs,
};

/** The first few in order that come after a line, without sorting all the others. */
function smallest(
  lines: readonly MachineLine[],
  limit: number,
  order: Order,
  after: SortKey | undefined,
): { readonly items: readonly MachineLine[]; readonly more: boolean } {
  const items: MachineLine[] = [];
  let more = false;
  for (const line of lines) {
    const last = items.at(-1);
    if (items.length === limit) {
      if (last === undefined || order(line, last) >= 0) {
        more ||= after === undefined || order(line, after) > 0;
        continue;
      }
    }
    if (after !== undefined && order(line, after) <= 0) continue;
    items.splice(placeOf(line, items, order), 0, line);
    if (items.length <= limit) continue;
    items.pop();
    more = true;
  }
  return { items, more };
}

/** Behind all that are not greater. */
function placeOf(line: MachineLine, items: readonly MachineLine[], order: Order): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && order(item, line) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function encodeCursor({ name, state, lastBootMs, sinceMs }: SortKey, sort: string): string {
  return Buffer.from(JSON.stringify([sort, name, state, lastBootMs, sinceMs])).toString('base64url');
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
