import type { BootProfile } from '../model/boot-profile.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { Role, Trigger, VmEnvironment } from '../model/vm-environment.ts';
import { objectKinds } from './object-schemas.ts';
import type { ObjectKind } from './object-schemas.ts';
import type { StoredObject } from './object-store.ts';
import type { ConfiguredSubnet, Objects } from './objects.ts';

/** All objects at one moment; what comes later is another snapshot. */
export interface ObjectSnapshot {
  /** Counts the snapshots of this process. */
  readonly revision: number;
  readonly subnets: readonly ConfiguredSubnet[];
  readonly profiles: readonly BootProfile[];
  readonly machines: readonly Machine[];
  readonly environments: readonly VmEnvironment[];
  readonly roles: readonly Role[];
  readonly triggers: readonly Trigger[];
  /** By machine. */
  readonly oneShots: ReadonlyMap<string, OneShot>;
  find(kind: ObjectKind, name: string): StoredObject | undefined;
  list(kind: ObjectKind): readonly StoredObject[];
  /** What a document means; nothing where it is from another version of virtdom and cannot be read. */
  object<Kind extends ObjectKind>(kind: Kind, name: string): Objects[Kind] | undefined;
}

/** An object as it is kept and as it is meant. */
export interface Entry<Kind extends ObjectKind = ObjectKind> {
  readonly stored: StoredObject;
  readonly object?: Objects[Kind];
}

type Entries = { readonly [Kind in ObjectKind]: ReadonlyMap<string, Entry<Kind>> };

/** A map for each kind. */
export function perKind<Value>(): Record<ObjectKind, Map<string, Value>> {
  return Object.fromEntries(objectKinds.map((kind) => [kind, new Map<string, Value>()])) as Record<ObjectKind, Map<string, Value>>;
}

/** A set of names for each kind. */
export function namesPerKind(): Record<ObjectKind, Set<string>> {
  return Object.fromEntries(objectKinds.map((kind) => [kind, new Set<string>()])) as Record<ObjectKind, Set<string>>;
}

/** One immutable snapshot; the next one shares every kind that did not change. */
export class ObjectState implements ObjectSnapshot {
  readonly revision: number;
  readonly oneShots: ReadonlyMap<string, OneShot>;
  readonly entries: Entries;

  constructor(revision: number, entries: Entries, oneShots: ReadonlyMap<string, OneShot>) {
    this.revision = revision;
    this.entries = entries;
    this.oneShots = oneShots;
  }

  static readonly empty = new ObjectState(0, perKind<never>(), new Map());

  get subnets(): readonly ConfiguredSubnet[] {
    return listsOf(this.entries.Subnet).objects;
  }

  get profiles(): readonly BootProfile[] {
    return listsOf(this.entries.Profile).objects;
  }

  get machines(): readonly Machine[] {
    return listsOf(this.entries.Machine).objects;
  }

  get environments(): readonly VmEnvironment[] {
    return listsOf(this.entries.Environment).objects;
  }

  get roles(): readonly Role[] {
    return listsOf(this.entries.Role).objects;
  }

  get triggers(): readonly Trigger[] {
    return listsOf(this.entries.Trigger).objects;
  }

  find(kind: ObjectKind, name: string): StoredObject | undefined {
    return this.entries[kind].get(name)?.stored;
  }

  list(kind: ObjectKind): readonly StoredObject[] {
    return listsOf<unknown>(this.entries[kind]).stored;
  }

  object<Kind extends ObjectKind>(kind: Kind, name: string): Objects[Kind] | undefined {
    return this.entries[kind].get(name)?.object;
  }

  withOneShots(oneShots: ReadonlyMap<string, OneShot>): ObjectState {
    return new ObjectState(this.revision + 1, this.entries, oneShots);
  }

  /** The state with these entries put and those names deleted. */
  withChanges(put: readonly Entry[], deleted: readonly { readonly kind: ObjectKind; readonly name: string }[]): ObjectState {
    const kinds = new Set([...put.map(({ stored }) => stored.kind), ...deleted.map(({ kind }) => kind)]);
    const copies: Record<ObjectKind, ReadonlyMap<string, Entry>> = { ...this.entries };
    for (const kind of kinds) {
      const copy = new Map<string, Entry>(this.entries[kind]);
      for (const { kind: of, name } of deleted) if (of === kind) copy.delete(name);
      for (const entry of put) if (entry.stored.kind === kind) copy.set(entry.stored.name, entry);
      copies[kind] = copy;
    }
    const gone = deleted.filter(({ kind, name }) => kind === 'Machine' && this.oneShots.has(name));
    const oneShots = gone.length === 0 ? this.oneShots : new Map(this.oneShots);
    if (oneShots instanceof Map) for (const { name } of gone) oneShots.delete(name);
    return new ObjectState(this.revision + 1, copies as Entries, oneShots);
  }
}

interface Lists<Meant> {
  readonly stored: readonly StoredObject[];
  readonly objects: readonly Meant[];
}

/** Made when they are first asked for, and the same for all snapshots between which a kind did not change. */
const lists = new WeakMap<object, Lists<never>>();

function listsOf<Meant>(entries: ReadonlyMap<string, { readonly stored: StoredObject; readonly object?: Meant }>): Lists<Meant> {
  const known = lists.get(entries);
  if (known !== undefined) return known;
  const stored: StoredObject[] = [];
  const objects: Meant[] = [];
  for (const entry of entries.values()) {
    stored.push(entry.stored);
    if (entry.object !== undefined) objects.push(entry.object);
  }
  const made = { stored: Object.freeze(stored), objects: Object.freeze(objects) };
  lists.set(entries, made as unknown as Lists<never>);
  return made;
}

/** Which machine has which MAC and which reserved address: what must be unique. */
export class Claims {
  readonly #macs = new Map<Mac, string>();
  readonly #addresses = new Map<Ipv4, string>();

  static of(machines: readonly Machine[]): Claims {
    const claims = new Claims();
    for (const machine of machines) claims.add(machine);
    return claims;
  }

  ownerOfMac(mac: Mac): string | undefined {
    return this.#macs.get(mac);
  }

  ownerOfAddress(address: Ipv4): string | undefined {
    return this.#addresses.get(address);
  }

  add({ name, nics }: Machine): void {
    for (const { mac, address } of nics) {
      this.#macs.set(mac, name);
      if (address !== undefined) this.#addresses.set(address, name);
    }
  }

  remove({ nics }: Machine): void {
    for (const { mac, address } of nics) {
      this.#macs.delete(mac);
      if (address !== undefined) this.#addresses.delete(address);
    }
  }
}
