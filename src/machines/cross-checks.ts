import { isRecord } from '../documents/check-shape.ts';
import { didYouMean } from '../documents/problems.ts';
import type { ValuePath } from '../documents/yaml-source.ts';
import { broadcastAddress, cidrContains, ipv4Number, parseIpv4 } from '../model/ipv4.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Blame, Candidate } from './candidate.ts';
import type { ObjectDocument } from './object-store.ts';
import { cidrText, isHostAddress } from './objects.ts';
import type { ConfiguredSubnet } from './objects.ts';
import { vmCheckSteps } from './vm-cross-checks.ts';

/** Checks how objects fit together: references, addresses, who is still needed. Names are unique already. */
export function crossCheck(candidate: Candidate, blame: Blame): void {
  const steps = crossCheckSteps(candidate, blame);
  while (steps.next().done !== true);
}

/** Likewise one step at a time, so that something else can be done in between. */
export function* crossCheckSteps(candidate: Candidate, blame: Blame): Generator<void> {
  const subnets = candidate.put.filter(({ kind }) => kind === 'Subnet').flatMap(({ name }) => candidate.subnets.get(name) ?? []);
  for (const subnet of subnets) {
    checkSubnet(subnet, blame);
    checkOverlap(subnet, candidate, blame);
    checkPolicy(subnet, candidate, blame);
  }
  for (const document of candidate.put) if (document.kind === 'Profile') checkProfile(document, candidate, blame);
  const machines = candidate.put.filter(({ kind }) => kind === 'Machine').flatMap(({ name }) => candidate.machines.get(name) ?? []);
  yield* checkMachines(machines, candidate, blame);
  const { deleted } = candidate;
  if (subnets.length > 0 || deleted.some(({ kind }) => kind === 'Subnet')) yield* checkSubnetsKept(subnets, machines, candidate, blame);
  for (const { kind, name } of deleted) if (kind === 'Profile') checkUnused(name, candidate, blame);
  yield* vmCheckSteps(candidate, blame);
}

function checkSubnet(subnet: ConfiguredSubnet, blame: Blame): void {
  const report = (path: ValuePath, message: string): void => blame('Subnet', subnet.name, path, message);
  for (const key of ['serverAddress', 'router'] as const) {
    const address = subnet[key];
    if (address !== undefined && !isHostAddress(subnet.cidr, address)) {
      report([key], `expected an address of a host in ${cidrText(subnet.cidr)}, found ${address}`);
    }
  }
  const { pool } = subnet;
  if (pool === undefined) return;
  const [first, last] = [parseIpv4(pool.first), parseIpv4(pool.last)];
  if (first === undefined || last === undefined) report(['pool'], 'expected two IPv4 addresses with a dash between them');
  else if (first > last) report(['pool'], `expected the lower address first, found ${pool.first} before ${pool.last}`);
  else if (!isHostAddress(subnet.cidr, pool.first) || !isHostAddress(subnet.cidr, pool.last)) {
    report(['pool'], `expected addresses of hosts in ${cidrText(subnet.cidr)}, found ${pool.first}-${pool.last}`);
  } else {
    for (const message of poolCovers(subnet, subnet.serverAddress)) report(['pool'], message);
    if (subnet.router !== undefined && inPool(pool, subnet.router)) {
      report(['pool'], `expected a range without the router's address ${subnet.router}`);
    }
  }
}

/** What is wrong with a pool once our own address is known: nothing, or one sentence. */
export function poolCovers({ pool }: ConfiguredSubnet, serverAddress: Ipv4 | undefined): string[] {
  if (pool === undefined || serverAddress === undefined || !inPool(pool, serverAddress)) return [];
  return [`expected a range without our own address ${serverAddress}`];
}

function inPool(pool: NonNullable<Subnet['pool']>, address: Ipv4): boolean {
  const number = ipv4Number(address);
  return number >= ipv4Number(pool.first) && number <= ipv4Number(pool.last);
}

/** Of two new ones that overlap, the later one is told. */
function checkOverlap(subnet: ConfiguredSubnet, { subnets, put }: Candidate, blame: Blame): void {
  const later = put.slice(put.findIndex(({ kind, name }) => kind === 'Subnet' && name === subnet.name));
  const toldLater = new Set(later.flatMap(({ kind, name }) => (kind === 'Subnet' ? name : [])));
  const other = [...subnets.values()].find(
    (each) => !toldLater.has(each.name) && each.interface === subnet.interface && overlap(each.cidr, subnet.cidr),
  );
  if (other === undefined) return;
  const text = `${cidrText(subnet.cidr)} overlaps ${cidrText(other.cidr)} of Subnet ${other.name}`;
  blame('Subnet', subnet.name, ['cidr'], `expected a network of its own on ${subnet.interface}, ${text}`);
}

function overlap(a: Subnet['cidr'], b: Subnet['cidr']): boolean {
  return a.network <= broadcastAddress(b) && b.network <= broadcastAddress(a);
}

function checkPolicy({ name, unknown }: ConfiguredSubnet, candidate: Candidate, blame: Blame): void {
  if (unknown.kind === 'profile') checkReference('Subnet', name, 'unknown', unknown.profile, candidate, blame);
}

function checkReference(
  kind: 'Subnet' | 'Machine',
  name: string,
  key: string,
  profile: string,
  { profiles, broken }: Candidate,
  blame: Blame,
): void {
  if (profiles.has(profile) || broken.Profile.has(profile)) return;
  const known = [...profiles.keys(), ...broken.Profile];
  blame(kind, name, [key], `expected the name of a Profile, there is no ${profile}${didYouMean(profile, known)}`);
}

function checkProfile(document: ObjectDocument, { profiles }: Candidate, blame: Blame): void {
  const profile = profiles.get(document.name);
  if (profile === undefined) return;
  const report = (path: ValuePath, message: string): void => blame('Profile', profile.name, path, message);
  if (profile.boot === 'network' && isEmpty(document, 'loaders')) {
    report(['loaders'], 'expected at least one boot file, such as bios: pxegrub, or boot: local');
  }
  const seen = new Set<string>();
  for (const [index, { path }] of profile.menus.entries()) {
    const at = ['menus', index, 'path'];
    if (seen.has(path)) report(at, `expected a path of its own, ${path} stands above already`);
    if (/^\/(?:images|boot\/v1)(?:\/|$)/.test(path)) report(at, `expected a path outside /images and /boot/v1, which are virtdom's own`);
    seen.add(path);
  }
  if (profile.menuByOption150 && isEmpty(document, 'menus')) {
    report(['menuByOption150'], 'expected at least one entry in menus, since option 150 names the first');
  }
}

/** Of what is written, not of what was left of it: a wrong entry has been reported and is no missing one. */
function isEmpty(document: ObjectDocument, key: string): boolean {
  const inner = document[key];
  return inner === undefined || ((isRecord(inner) || Array.isArray(inner)) && Object.keys(inner).length === 0);
}

function* checkMachines(machines: readonly Machine[], candidate: Candidate, blame: Blame): Generator<void> {
  if (machines.length === 0) return;
  const macs = new Map<Mac, string>();
  const addresses = ownAddresses(candidate);
  for (const { name, profile, nics } of machines) {
    yield;
    if (profile !== undefined) checkReference('Machine', name, 'profile', profile, candidate, blame);
    for (const [index, { mac, address }] of nics.entries()) {
      const owner = macs.get(mac) ?? candidate.ownerOfMac(mac);
      if (owner === undefined) macs.set(mac, name);
      else blame('Machine', name, ['nics', index, 'mac'], `expected a MAC address of its own, ${mac} belongs to Machine ${owner}`);
      if (address === undefined) continue;
      const at = ['nics', index, 'address'];
      const reserved = candidate.ownerOfAddress(address);
      const taken = addresses.get(address) ?? (reserved === undefined ? undefined : `Machine ${reserved}`);
      if (taken === undefined) addresses.set(address, `Machine ${name}`);
      else blame('Machine', name, at, `expected an address of its own, ${address} belongs to ${taken}`);
      const problem = placeProblem(address, candidate);
      if (problem !== undefined) blame('Machine', name, at, problem);
    }
  }
}

function ownAddresses({ subnets }: Candidate): Map<Ipv4, string> {
  const addresses = new Map<Ipv4, string>();
  for (const { serverAddress } of subnets.values()) if (serverAddress !== undefined) addresses.set(serverAddress, 'virtdom itself');
  for (const { name, router } of subnets.values()) if (router !== undefined) addresses.set(router, `the router of Subnet ${name}`);
  return addresses;
}

function placeProblem(address: Ipv4, { subnets, broken }: Candidate): string | undefined {
  const number = ipv4Number(address);
  for (const { cidr } of subnets.values()) {
    if (!cidrContains(cidr, number)) continue;
    return isHostAddress(cidr, address) ? undefined : `expected an address of a host in ${cidrText(cidr)}, found ${address}`;
  }
  return broken.Subnet.size > 0 ? undefined : `expected an address in one of the subnets, found ${address}`;
}

/** Machines that are not changed keep their addresses: a subnet that goes, shrinks or takes one is to blame. */
function* checkSubnetsKept(
  changed: readonly ConfiguredSubnet[],
  checkedAlready: readonly Machine[],
  candidate: Candidate,
  blame: Blame,
): Generator<void> {
  const skip = new Set(checkedAlready);
  const homeless: string[] = [];
  const takers = new Map<string, string[]>();
  const own = ownAddresses({ ...candidate, subnets: new Map(changed.map((subnet) => [subnet.name, subnet])) });
  for (const machine of candidate.machines.values()) {
    yield;
    if (skip.has(machine)) continue;
    for (const { address } of machine.nics) {
      if (address === undefined) continue;
      const what = `${address} of Machine ${machine.name}`;
      if (placeProblem(address, candidate) !== undefined) homeless.push(what);
      const taker = own.get(address);
      if (taker !== undefined) takers.set(address, [...(takers.get(address) ?? []), what]);
    }
  }
  for (const { name, serverAddress, router } of changed) {
    for (const [key, address] of [['serverAddress', serverAddress] as const, ['router', router] as const]) {
      const [what] = (address === undefined ? undefined : takers.get(address)) ?? [];
      if (what !== undefined) blame('Subnet', name, [key], `expected an address that is free, found ${what}`);
    }
  }
  if (homeless.length === 0) return;
  const gone = candidate.deleted.filter(({ kind }) => kind === 'Subnet');
  const message = `in use: it has ${named(homeless)}; give them other addresses or remove them first`;
  for (const { name } of gone) blame('Subnet', name, [], message);
  if (gone.length > 0) return;
  for (const { name, cidr } of changed) {
    blame('Subnet', name, ['cidr'], `expected a network with ${named(homeless)}, found ${cidrText(cidr)}`);
  }
}

function checkUnused(profile: string, { subnets, machines, oneShots }: Candidate, blame: Blame): void {
  const users: string[] = [];
  for (const { name, unknown } of subnets.values()) {
    if (unknown.kind === 'profile' && unknown.profile === profile) users.push(`Subnet ${name} for unknown clients`);
  }
  for (const machine of machines.values()) if (machine.profile === profile) users.push(`Machine ${machine.name}`);
  for (const oneShot of oneShots.values()) {
    if (oneShot.profile === profile && machines.has(oneShot.machine)) users.push(`the next boot of Machine ${oneShot.machine}`);
  }
  if (users.length > 0) blame('Profile', profile, [], `in use by ${named(users)}; give them another profile first`);
}

/** The first few by name, the others counted. */
function named(all: readonly string[], few = 5): string {
  const rest = all.length - few;
  return rest > 0 ? `${all.slice(0, few).join(', ')} and ${rest} more` : all.join(', ');
}
