import type { ValuePath } from '../documents/yaml-source.ts';
import { formatIpv4, parseIpv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { VmEnvironment } from '../model/vm-environment.ts';
import { parseVmAddress } from '../model/vm-address.ts';
import type { Blame, Candidate } from './candidate.ts';
import type { ObjectKind } from './object-schemas.ts';
import type { ConfiguredSubnet } from './objects.ts';

/** A network as a Role or an Environment says it is. */
interface Statement {
  readonly kind: 'Role' | 'Environment';
  readonly name: string;
  readonly index: number;
  readonly bridge: string;
  readonly vlan: number | undefined;
}

/** One name of a bridge means one VLAN: of two that say otherwise the changed one is told, of two changed ones the later. */
export function* checkBridges(candidate: Candidate, blame: Blame): Generator<void> {
  const order = changedLast(candidate, ['Role', 'Environment']);
  if (order === undefined) return;
  const first = new Map<string, Statement>();
  for (const statement of statements(candidate).toSorted((a, b) => order(a) - order(b))) {
    yield;
    const { kind, name, index, bridge, vlan } = statement;
    const other = first.get(bridge);
    if (other === undefined) first.set(bridge, statement);
    else if (other.vlan !== vlan && order(statement) > 0) {
      const found = `${other.kind} ${other.name} has it ${vlanText(other.vlan)}`;
      blame(
        kind,
        name,
        ['networks', index, 'vlan'],
        `expected bridge ${bridge} ${vlanText(other.vlan)}, since ${found}, found ${vlanText(vlan)}`,
      );
    }
  }
}

/** An Environment that names no VLAN says nothing about its bridge; a Role does. */
function statements({ roles, environments }: Candidate): Statement[] {
  const ofRoles = Array.from(roles.values(), ({ name, networks }) =>
    networks.map(({ bridge, vlan }, index) => ({ kind: 'Role' as const, name, index, bridge, vlan })),
  );
  const ofEnvironments = Array.from(environments.values(), ({ name, networks }) =>
    networks.flatMap(({ bridge, vlan }, index) => (vlan === undefined ? [] : { kind: 'Environment' as const, name, index, bridge, vlan })),
  );
  return [...ofRoles, ...ofEnvironments].flat();
}

function vlanText(vlan: number | undefined): string {
  return vlan === undefined ? 'untagged' : `on VLAN ${vlan}`;
}

type Order = (object: { readonly kind: ObjectKind; readonly name: string }) => number;

/** 0 for what does not change, then the changed ones in their order; nothing where none of these kinds changes. */
function changedLast({ put }: Candidate, kinds: readonly ObjectKind[]): Order | undefined {
  const positions = new Map(
    put.filter(({ kind }) => kinds.includes(kind)).map(({ kind, name }, index) => [`${kind}/${name}`, index + 1] as const),
  );
  return positions.size === 0 ? undefined : ({ kind, name }) => positions.get(`${kind}/${name}`) ?? 0;
}

/** Addresses that something has, from one to another. */
interface Taken {
  readonly kind: 'Environment' | 'Subnet' | 'Machine';
  readonly name: string;
  readonly path: ValuePath;
  readonly first: number;
  readonly last: number;
  readonly what: string;
}

/**
 * Fixed addresses and ranges of VMs are nobody else's: not of another card on the same network, not of a machine, not in a pool that
 * is handed out by DHCP.
 */
export function* checkVmAddresses(candidate: Candidate, blame: Blame): Generator<void> {
  const order = changedLast(candidate, ['Environment', 'Subnet', 'Machine', 'Role']);
  if (order === undefined) return;
  yield* checkMacs(candidate, order, blame);
  const networks = rangesByNetwork(candidate);
  if (networks.size === 0) return;
  const joiner = candidate.put.find(({ kind }) => kind === 'Role' || kind === 'Environment');
  for (const ranges of networks.values()) yield* blameOverlaps(ranges, order, blame, { joiner });
  const ranges = [...networks.values()].flat();
  const mayOverlapAll = ranges.some((range) => order(range) > 0);
  const others = [...othersOf(candidate)].filter((other) => mayOverlapAll || order(other) > 0);
  yield* blameOverlaps([...ranges, ...others], order, blame, {
    counts: (a, b) => (a.kind === 'Environment') !== (b.kind === 'Environment'),
  });
}

/** By VLAN, or by bridge where nobody has said on which VLAN it stands. */
function rangesByNetwork(candidate: Candidate): ReadonlyMap<string, readonly Taken[]> {
  const vlans = new Map(statements(candidate).map(({ bridge, vlan }) => [bridge, vlan] as const));
  const networks = new Map<string, Taken[]>();
  for (const { name, networks: cards } of candidate.environments.values()) {
    for (const [index, { bridge, address }] of cards.entries()) {
      const parsed = parseVmAddress(address);
      if (parsed?.kind !== 'range') continue;
      const vlan = vlans.get(bridge);
      const network = vlan === undefined ? `bridge ${bridge}` : `VLAN ${vlan}`;
      const { first, last } = parsed;
      const path = ['networks', index, 'address'];
      const taken: Taken = { kind: 'Environment', name, path, first, last, what: `${address} of Environment ${name} on ${network}` };
      networks.set(network, [...(networks.get(network) ?? []), taken]);
    }
  }
  return networks;
}

function* othersOf({ subnets, machines }: Candidate): Generator<Taken> {
  for (const subnet of subnets.values()) yield* takenBySubnet(subnet);
  for (const { name, nics } of machines.values()) {
    for (const [index, { address }] of nics.entries()) {
      const number = address === undefined ? undefined : parseIpv4(address);
      if (number === undefined) continue;
      yield { kind: 'Machine', name, path: ['nics', index, 'address'], first: number, last: number, what: `${address} of Machine ${name}` };
    }
  }
}

function* takenBySubnet({ name, pool, serverAddress, router }: ConfiguredSubnet): Generator<Taken> {
  const taken = [
    ['pool', pool?.first, pool?.last, `the pool of Subnet ${name}`],
    ['serverAddress', serverAddress, serverAddress, `virtdom's own address on Subnet ${name}`],
    ['router', router, router, `the router of Subnet ${name}`],
  ] as const;
  for (const [key, from, to, what] of taken) {
    const first = from === undefined ? undefined : parseIpv4(from);
    const last = to === undefined ? undefined : parseIpv4(to);
    if (first !== undefined && last !== undefined) yield { kind: 'Subnet', name, path: [key], first, last, what };
  }
}

interface OverlapOptions {
  readonly counts?: (a: Taken, b: Taken) => boolean;
  /** Who may have made one network of two, where neither of two that overlap changes. */
  readonly joiner?: { readonly kind: ObjectKind; readonly name: string } | undefined;
}

function* blameOverlaps(
  ranges: readonly Taken[],
  order: Order,
  blame: Blame,
  { counts = () => true, joiner }: OverlapOptions,
): Generator<void> {
  const open: Taken[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first || a.last - b.last)) {
    yield;
    for (let index = open.length - 1; index >= 0; index--) if ((open[index]?.last ?? 0) < range.first) open.splice(index, 1);
    const other = open.find((each) => counts(each, range));
    if (other !== undefined) {
      const [earlier, later] = order(other) > order(range) ? [range, other] : [other, range];
      const found = `${formatIpv4(range.first)} is in ${earlier.what}`;
      if (order(later) > 0) blame(later.kind, later.name, later.path, `expected addresses of its own, ${found}`);
      else if (joiner !== undefined) {
        const message = `expected networks of their own, since ${later.what} and ${earlier.what} have the same addresses`;
        blame(joiner.kind, joiner.name, ['networks'], message);
      }
    }
    open.push(range);
  }
}

/** A fixed MAC address of a card is of no other card, and of no machine. */
function* checkMacs(candidate: Candidate, order: Order, blame: Blame): Generator<void> {
  const owners = new Map<Mac, Card>();
  const cards = [...candidate.environments.values()].flatMap(cardsOf).toSorted((a, b) => order(a) - order(b));
  for (const card of cards) {
    yield;
    const { mac, kind, name, path } = card;
    const other = owners.get(mac);
    const owner = other === undefined ? candidate.ownerOfMac(mac) : undefined;
    const found = other === undefined ? owner && `Machine ${owner}` : `another card of Environment ${other.name}`;
    if (found !== undefined && order(card) > 0) blame(kind, name, path, `expected a MAC address of its own, ${mac} belongs to ${found}`);
    owners.set(mac, card);
  }
  if (owners.size === 0) return;
  for (const { kind, name } of candidate.put) {
    yield;
    if (kind !== 'Machine') continue;
    for (const [index, { mac }] of candidate.machines.get(name)?.nics.entries() ?? []) {
      const other = owners.get(mac);
      if (other === undefined) continue;
      blame('Machine', name, ['nics', index, 'mac'], `expected a MAC address of its own, ${mac} belongs to Environment ${other.name}`);
    }
  }
}

interface Card {
  readonly kind: 'Environment';
  readonly name: string;
  readonly path: ValuePath;
  readonly mac: Mac;
}

function cardsOf({ name, networks }: VmEnvironment): Card[] {
  return networks.flatMap(({ mac }, index) =>
    mac === 'derived' ? [] : { kind: 'Environment', name, path: ['networks', index, 'mac'], mac },
  );
}
