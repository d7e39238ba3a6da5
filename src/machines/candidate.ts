import type { ValuePath } from '../documents/yaml-source.ts';
import type { BootProfile } from '../model/boot-profile.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { RoleProperty } from '../model/property-definition.ts';
import type { Role, Trigger, VmEnvironment } from '../model/vm-environment.ts';
import type { ObjectKind } from './object-schemas.ts';
import type { ObjectDocument } from './object-store.ts';
import type { ConfiguredSubnet } from './objects.ts';

/** What somebody else has to understand: the manager the rule of a role and what a trigger says, agents a property that a role defines. */
type AskedExpression =
  | { readonly kind: 'trigger'; readonly trigger: Trigger }
  | { readonly kind: 'rule'; readonly expression: string }
  | { readonly kind: 'property'; readonly property: RoleProperty };

/** What is wrong with it; the pointer is into the trigger's document or the property, and empty of a rule. */
export type CheckExpression = (asked: AskedExpression) => readonly { readonly pointer: string; readonly detail: string }[];

/** All objects as they would be after a change, and what of them the change touches: only that has to be checked. */
export interface Candidate {
  readonly subnets: ReadonlyMap<string, ConfiguredSubnet>;
  readonly profiles: ReadonlyMap<string, BootProfile>;
  readonly machines: ReadonlyMap<string, Machine>;
  readonly environments: ReadonlyMap<string, VmEnvironment>;
  readonly roles: ReadonlyMap<string, Role>;
  readonly triggers: ReadonlyMap<string, Trigger>;
  readonly oneShots: ReadonlyMap<string, OneShot>;
  /** The documents that are put. */
  readonly put: readonly ObjectDocument[];
  readonly deleted: readonly { readonly kind: ObjectKind; readonly name: string }[];
  /** The machine that a MAC or an address belongs to already, unless the change gives it free. */
  ownerOfMac(mac: Mac): string | undefined;
  ownerOfAddress(address: Ipv4): string | undefined;
  /** Objects whose documents are there but wrong: who refers to them is not to blame. */
  readonly broken: Readonly<Record<ObjectKind, ReadonlySet<string>>>;
  /** Without it expressions are not looked at. */
  readonly checkExpression?: CheckExpression | undefined;
}

export type Blame = (kind: ObjectKind, name: string, path: ValuePath, message: string) => void;
