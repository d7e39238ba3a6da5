import type { TSchema } from 'typebox';
import type { BootProfile } from '../model/boot-profile.ts';
import { cidrContains, parseCidr, parseIpv4, formatIpv4 } from '../model/ipv4.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import { parseMac } from '../model/mac.ts';
import type { Machine, Nic } from '../model/machine.ts';
import type { Subnet, UnknownPolicy } from '../model/subnet.ts';
import { checkShape, isRecord, withDefaults, withoutValues } from '../documents/check-shape.ts';
import { objectSchemas } from './object-schemas.ts';
import type { MachineDocument, ObjectKind, ProfileDocument, SubnetDocument } from './object-schemas.ts';
import { didYouMean } from '../documents/problems.ts';
import type { ConfigProblem } from '../documents/problems.ts';
import type { ValuePath, YamlDocument, YamlFile } from '../documents/yaml-source.ts';

/** A subnet as configured: our own address may still have to be found on its interface. */
export type ConfiguredSubnet = Omit<Subnet, 'serverAddress'> & { readonly serverAddress?: Ipv4 };

/** One object of the file: in the model's terms, and where it stands. */
export interface Placed<T> {
  readonly value: T;
  readonly document: YamlDocument;
}

export interface LabObjects {
  readonly subnets: readonly Placed<ConfiguredSubnet>[];
  readonly profiles: readonly Placed<BootProfile>[];
  readonly machines: readonly Placed<Machine>[];
  /** Profiles whose documents are there but wrong: who refers to them is not to blame. */
  readonly brokenProfiles: ReadonlySet<string>;
  /** Likewise for addresses that lie in no known subnet. */
  readonly brokenSubnets: boolean;
}

export type Report = (document: YamlDocument, path: ValuePath, message: string, at?: 'value' | 'key') => void;

/** Collects problems of one document after another under the names that people gave the objects. */
export function reporter(problems: ConfigProblem[]): Report {
  return (document, path, message, at = 'value') => {
    const position = at === 'key' ? document.keyPosition(path) : document.positionOf(path);
    problems.push({ ...position, path: [objectTitle(document.value), pathText(path)].filter((part) => part !== '').join(': '), message });
  };
}

/** Reads the documents of an object file into the model, reporting each wrong value. Says nothing of how they fit together. */
export function readObjects(file: YamlFile, report: Report): LabObjects {
  const subnets: Placed<ConfiguredSubnet>[] = [];
  const profiles: Placed<BootProfile>[] = [];
  const machines: Placed<Machine>[] = [];
  const brokenProfiles = new Set<string>();
  let brokenSubnets = false;
  for (const document of file.documents) {
    const kind = kindOf(document, report);
    if (kind === undefined) continue;
    const value = readObject(objectSchemas[kind], document, report);
    if (value === undefined) {
      if (kind === 'Subnet') brokenSubnets = true;
      if (kind === 'Profile' && isRecord(document.value)) brokenProfiles.add(String(document.value['name']));
      continue;
    }
    if (kind === 'Subnet') subnets.push({ value: subnetOf(value as SubnetDocument), document });
    else if (kind === 'Profile') profiles.push({ value: profileOf(value as ProfileDocument), document });
    else machines.push({ value: machineOf(value as MachineDocument), document });
  }
  return { subnets, profiles, machines, brokenProfiles, brokenSubnets };
}

/** Goes on without the wrong values where the object can do without them, so that what depends on the others is still checked. */
function readObject(schema: TSchema, document: YamlDocument, report: Report): unknown {
  const wrong = checkShape(schema, withDefaults(schema, document.value));
  for (const { path, message, at } of wrong) report(document, path, message, at);
  const rest = withDefaults(schema, withoutValues(document.value, wrong));
  return checkShape(schema, rest).length === 0 ? rest : undefined;
}

function kindOf(document: YamlDocument, report: Report): ObjectKind | undefined {
  const kinds = Object.keys(objectSchemas);
  if (!isRecord(document.value)) {
    report(document, [], `expected an object with kind: ${kinds.join(', ')}`);
    return undefined;
  }
  const { kind } = document.value;
  if (typeof kind === 'string' && Object.hasOwn(objectSchemas, kind)) return kind as ObjectKind;
  const found = typeof kind === 'string' ? `, found ${kind}${didYouMean(kind, kinds)}` : '';
  report(document, ['kind'], `expected ${kinds.join(', ')}${found}`);
  return undefined;
}

function subnetOf(document: SubnetDocument): ConfiguredSubnet {
  const { kind: _, cidr, pool, unknown, ...rest } = document;
  const [first = '', last = ''] = pool?.split('-').map((address) => address.trim()) ?? [];
  return {
    ...rest,
    cidr: parseCidr(cidr) ?? raise(cidr),
    ...(pool !== undefined && { pool: { first, last } }),
    unknown: unknownOf(unknown),
  };
}

function unknownOf(text: string): UnknownPolicy {
  if (text === 'ignore' || text === 'lease') return { kind: text };
  return { kind: 'profile', profile: text.slice('profile:'.length) };
}

function profileOf(document: ProfileDocument): BootProfile {
  const { kind: _, ...profile } = document;
  return profile;
}

function machineOf(document: MachineDocument): Machine {
  const { kind: _, nics, uuid, ...rest } = document;
  return {
    ...rest,
    nics: nics.map(nicOf),
    ...(uuid !== undefined && { uuid: uuid.toLowerCase() }),
  };
}

function nicOf({ mac, address }: MachineDocument['nics'][number]): Nic {
  return { mac: parseMac(mac) ?? raise(mac), ...(address !== undefined && { address }) };
}

/** `Machine post01`, or the kind alone where there is no name. */
function objectTitle(value: unknown): string {
  if (!isRecord(value) || typeof value['kind'] !== 'string') return '';
  return typeof value['name'] === 'string' ? `${value['kind']} ${value['name']}` : value['kind'];
}

/** `nics[0].mac` */
export function pathText(path: ValuePath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

/** Where an address lies in a network; the two ends are nobody's. */
export function isHostAddress(cidr: Subnet['cidr'], address: Ipv4): boolean {
  const number = parseIpv4(address);
  if (number === undefined || !cidrContains(cidr, number)) return false;
  if (cidr.prefixLength >= 31) return true;
  return number !== cidr.network && cidrContains(cidr, number + 1);
}

export function cidrText({ network, prefixLength }: Subnet['cidr']): string {
  return `${formatIpv4(network)}/${prefixLength}`;
}

function raise(text: string): never {
  throw new RangeError(`checked before, and wrong all the same: ${text}`);
}
