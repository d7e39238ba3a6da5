import type { TSchema } from 'typebox';
import { checkShape, withDefaults, withoutValues } from '../documents/check-shape.ts';
import type { ShapeProblem } from '../documents/check-shape.ts';
import type { BootProfile } from '../model/boot-profile.ts';
import { cidrContains, formatIpv4, parseCidr, parseIpv4 } from '../model/ipv4.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import { parseMac } from '../model/mac.ts';
import type { Machine, Nic } from '../model/machine.ts';
import type { Subnet, UnknownPolicy } from '../model/subnet.ts';
import type { Role, Trigger, VmEnvironment } from '../model/vm-environment.ts';
import { objectSchemas } from './object-schemas.ts';
import type { MachineDocument, ObjectKind, ProfileDocument, SubnetDocument } from './object-schemas.ts';
import { commandProblems, environmentOf, roleOf, storageProblems, triggerOf } from './vm-objects.ts';
import type { EnvironmentDocument, RoleDocument, TriggerDocument } from './vm-schemas.ts';

/** A subnet as configured: our own address may still have to be found on its interface. */
export type ConfiguredSubnet = Omit<Subnet, 'serverAddress'> & { readonly serverAddress?: Ipv4 };

/** What documents of a kind mean, in the model's terms. */
export interface Objects {
  readonly Subnet: ConfiguredSubnet;
  readonly Profile: BootProfile;
  readonly Machine: Machine;
  readonly Environment: VmEnvironment;
  readonly Role: Role;
  readonly Trigger: Trigger;
}

/** What a document means, as far as it could be read, and everything in it that is of the wrong shape. */
export interface ParsedDocument<Kind extends ObjectKind = ObjectKind> {
  /** Without the wrong values, where it can do without them: so that what depends on the others is still checked. */
  readonly object?: Objects[Kind];
  readonly problems: readonly ShapeProblem[];
}

export function parseDocument<Kind extends ObjectKind>(kind: Kind, document: unknown): ParsedDocument<Kind> {
  const schema: TSchema = objectSchemas[kind];
  const whole = withDefaults(schema, document);
  const problems = problemsOf(kind, schema, whole);
  if (problems.length === 0) return { object: objectOf(kind, whole), problems };
  const rest = withDefaults(schema, withoutValues(document, problems));
  return problemsOf(kind, schema, rest).length === 0 ? { object: objectOf(kind, rest), problems } : { problems };
}

function problemsOf(kind: ObjectKind, schema: TSchema, document: unknown): ShapeProblem[] {
  const problems = checkShape(schema, document);
  if (problems.length > 0) return problems;
  if (kind === 'Environment') return storageProblems((document as EnvironmentDocument).storage);
  return kind === 'Trigger' ? commandProblems(document as TriggerDocument) : [];
}

function objectOf<Kind extends ObjectKind>(kind: Kind, checked: unknown): Objects[Kind] {
  const makers: { readonly [Each in ObjectKind]: () => Objects[Each] } = {
    Subnet: () => subnetOf(checked as SubnetDocument),
    Profile: () => profileOf(checked as ProfileDocument),
    Machine: () => machineOf(checked as MachineDocument),
    Environment: () => environmentOf(checked as EnvironmentDocument),
    Role: () => roleOf(checked as RoleDocument),
    Trigger: () => triggerOf(checked as TriggerDocument),
  };
  return makers[kind]();
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
  if (text === 'ignore' || text === 'lease' || text === 'pending') return { kind: text };
  return { kind: 'profile', profile: text.slice('profile:'.length) };
}

function profileOf(document: ProfileDocument): BootProfile {
  const { kind: _, ...profile } = document;
  return profile;
}

function machineOf(document: MachineDocument): Machine {
  const { kind: _, nics, uuid, ignored, ...rest } = document;
  return {
    ...rest,
    ...(ignored && { ignored }),
    nics: nics.map(nicOf),
    ...(uuid !== undefined && { uuid: uuid.toLowerCase() }),
  };
}

function nicOf({ mac, address }: MachineDocument['nics'][number]): Nic {
  return { mac: parseMac(mac) ?? raise(mac), ...(address !== undefined && { address }) };
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
