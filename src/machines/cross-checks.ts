import { broadcastAddress, cidrContains, ipv4Number, parseIpv4 } from '../model/ipv4.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Subnet } from '../model/subnet.ts';
import { isRecord } from '../documents/check-shape.ts';
import { cidrText, isHostAddress } from './objects.ts';
import type { ConfiguredSubnet, LabObjects, Placed, Report } from './objects.ts';
import { didYouMean } from '../documents/problems.ts';
import type { YamlDocument } from '../documents/yaml-source.ts';

/** Checks how the objects fit together: names, references, addresses. Objects that were wrong in themselves are left out. */
export function crossCheck(objects: LabObjects, report: Report): void {
  checkNames(objects, report);
  for (const { value, document } of objects.subnets) checkSubnet(value, document, report);
  checkOverlaps(objects.subnets, report);
  checkReferences(objects, report);
  checkProfiles(objects, report);
  checkNics(objects, report);
}

function checkNames({ subnets, profiles, machines }: LabObjects, report: Report): void {
  for (const objects of [subnets, profiles, machines]) {
    const first = new Map<string, YamlDocument>();
    for (const { value, document } of objects) {
      const earlier = first.get(value.name);
      if (earlier === undefined) first.set(value.name, document);
      else
        report(
          document,
          ['name'],
          `expected a name of its own, ${value.name} is taken by the one at line ${earlier.positionOf(['name']).line}`,
        );
    }
  }
}

function checkSubnet(subnet: ConfiguredSubnet, document: YamlDocument, report: Report): void {
  for (const key of ['serverAddress', 'router'] as const) {
    const address = subnet[key];
    if (address !== undefined && !isHostAddress(subnet.cidr, address)) {
      report(document, [key], `expected an address of a host in ${cidrText(subnet.cidr)}, found ${address}`);
    }
  }
  const { pool } = subnet;
  if (pool === undefined) return;
  const [first, last] = [parseIpv4(pool.first), parseIpv4(pool.last)];
  if (first === undefined || last === undefined) report(document, ['pool'], 'expected two IPv4 addresses with a dash between them');
  else if (first > last) report(document, ['pool'], `expected the lower address first, found ${pool.first} before ${pool.last}`);
  else if (!isHostAddress(subnet.cidr, pool.first) || !isHostAddress(subnet.cidr, pool.last)) {
    report(document, ['pool'], `expected addresses of hosts in ${cidrText(subnet.cidr)}, found ${pool.first}-${pool.last}`);
  } else {
    for (const message of poolCovers(subnet, subnet.serverAddress)) report(document, ['pool'], message);
    if (subnet.router !== undefined && inPool(pool, subnet.router)) {
      report(document, ['pool'], `expected a range without the router's address ${subnet.router}`);
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

function checkOverlaps(subnets: readonly Placed<ConfiguredSubnet>[], report: Report): void {
  for (const [index, { value, document }] of subnets.entries()) {
    const other = subnets
      .slice(0, index)
      .find(({ value: earlier }) => earlier.interface === value.interface && overlap(earlier.cidr, value.cidr));
    if (other === undefined) continue;
    report(
      document,
      ['cidr'],
      `expected a network of its own on ${value.interface}, ${cidrText(value.cidr)} overlaps ${cidrText(other.value.cidr)} of Subnet ${other.value.name}`,
    );
  }
}

function overlap(a: Subnet['cidr'], b: Subnet['cidr']): boolean {
  return a.network <= broadcastAddress(b) && b.network <= broadcastAddress(a);
}

function checkReferences({ subnets, profiles, machines, brokenProfiles }: LabObjects, report: Report): void {
  const names = new Set(profiles.map(({ value }) => value.name).concat(...brokenProfiles));
  const missing = (profile: string): string => `expected the name of a Profile, there is no ${profile}${didYouMean(profile, names)}`;
  for (const { value, document } of subnets) {
    if (value.unknown.kind === 'profile' && !names.has(value.unknown.profile))
      report(document, ['unknown'], missing(value.unknown.profile));
  }
  for (const { value, document } of machines) {
    if (value.profile !== undefined && !names.has(value.profile)) report(document, ['profile'], missing(value.profile));
  }
}

function checkProfiles({ profiles }: LabObjects, report: Report): void {
  for (const { value, document } of profiles) {
    if (value.boot === 'network' && isEmpty(document, 'loaders')) {
      report(document, ['loaders'], 'expected at least one boot file, such as bios: pxegrub, or boot: local');
    }
    const seen = new Set<string>();
    for (const [index, { path }] of value.menus.entries()) {
      const at = ['menus', index, 'path'];
      if (seen.has(path)) report(document, at, `expected a path of its own, ${path} stands above already`);
      if (/^\/(?:images|boot\/v1)(?:\/|$)/.test(path))
        report(document, at, `expected a path outside /images and /boot/v1, which are virtdom's own`);
      seen.add(path);
    }
    if (value.menuByOption150 && isEmpty(document, 'menus')) {
      report(document, ['menuByOption150'], 'expected at least one entry in menus, since option 150 names the first');
    }
  }
}

/** Of what is written, not of what was left of it: a wrong entry has been reported and is no missing one. */
function isEmpty({ value }: YamlDocument, key: string): boolean {
  const inner = isRecord(value) ? value[key] : undefined;
  return inner === undefined || (typeof inner === 'object' && inner !== null && Object.keys(inner).length === 0);
}

function checkNics({ subnets, machines, brokenSubnets }: LabObjects, report: Report): void {
  const macs = new Map<string, string>();
  const addresses = new Map<string, string>(
    subnets.flatMap(({ value }) => (value.serverAddress === undefined ? [] : [[value.serverAddress, 'virtdom itself'] as const])),
  );
  for (const { value: subnet } of subnets)
    if (subnet.router !== undefined) addresses.set(subnet.router, `the router of Subnet ${subnet.name}`);
  for (const { value: machine, document } of machines) {
    for (const [index, { mac, address }] of machine.nics.entries()) {
      const owner = macs.get(mac);
      if (owner !== undefined) report(document, ['nics', index, 'mac'], `expected a MAC address of its own, ${mac} belongs to ${owner}`);
      else macs.set(mac, `Machine ${machine.name}`);
      if (address === undefined) continue;
      const at = ['nics', index, 'address'];
      const taken = addresses.get(address);
      if (taken !== undefined) report(document, at, `expected an address of its own, ${address} belongs to ${taken}`);
      else addresses.set(address, `Machine ${machine.name}`);
      const subnet = subnets.find(({ value }) => cidrContains(value.cidr, ipv4Number(address)));
      if (subnet === undefined) {
        if (!brokenSubnets) report(document, at, `expected an address in one of the subnets, found ${address}`);
      } else if (!isHostAddress(subnet.value.cidr, address)) {
        report(document, at, `expected an address of a host in ${cidrText(subnet.value.cidr)}, found ${address}`);
      }
    }
  }
}
