import { pointerTo } from '../documents/report.ts';
import type { Machine } from '../model/machine.ts';
import { crossCheck } from './cross-checks.ts';
import type { ObjectKind } from './object-schemas.ts';
import type { Claims, Entry, ObjectState } from './object-state.ts';
import type { ObjectChange, ObjectConflict, ObjectDocument, StoredObject } from './object-store.ts';
import { parseDocument } from './objects.ts';
import type { Objects } from './objects.ts';

/** One thing that is wrong with an object as it would be. */
export interface ObjectProblem {
  readonly kind: ObjectKind;
  readonly name: string;
  /** Into the document (RFC 6901): `/nics/0/mac`; empty where it is about the object as a whole. */
  readonly pointer: string;
  readonly detail: string;
}

/** Changes that were checked: what there would be, or why it cannot be. */
export type CheckedPlan =
  | { readonly kind: 'valid'; readonly put: ReadonlyMap<ObjectChange, Objects[ObjectKind]>; readonly deleted: readonly ObjectChange[] }
  | { readonly kind: 'invalid'; readonly problems: readonly ObjectProblem[] }
  | { readonly kind: 'conflict'; readonly conflicts: readonly ObjectConflict[] };

/** A document of a machine is some hundred bytes; one of many parameters some thousand. */
const maxDocumentBytes = 65_536;
/** How long the control thread may be held at a time. */
const sliceMs = 4;

/** Lets packets through between slices of long work. */
export class Breath {
  #sinceMs = performance.now();

  /** To be awaited between one item and the next. */
  async take(): Promise<void> {
    if (performance.now() - this.#sinceMs < sliceMs) return;
    await new Promise((resolve) => void setImmediate(resolve));
    this.#sinceMs = performance.now();
  }
}

/** Checks changes against the state that they are made of: revisions first, then shapes, then how all fits together. */
export async function checkPlan(changes: readonly ObjectChange[], state: ObjectState, claims: Claims): Promise<CheckedPlan> {
  const conflicts = changes.flatMap((change) => conflictOf(change, state));
  if (conflicts.length > 0) return { kind: 'conflict', conflicts };
  const problems: ObjectProblem[] = [];
  const put = new Map<ObjectChange, Objects[ObjectKind]>();
  const documents: ObjectDocument[] = [];
  const deleted: ObjectChange[] = [];
  const seen = new Set<string>();
  const brokenProfiles = new Set<string>();
  let brokenSubnets = false;
  const breath = new Breath();
  for (const change of changes) {
    await breath.take();
    const { kind, name, document } = change;
    const blame = (pointer: string, detail: string): void => void problems.push({ kind, name, pointer, detail });
    if (seen.has(`${kind}/${name}`)) {
      blame('/name', `expected a name of its own, ${name} is changed twice at once`);
      continue;
    }
    seen.add(`${kind}/${name}`);
    if (document === undefined) {
      deleted.push(change);
      continue;
    }
    const identity = identityProblem(change, document);
    if (identity !== undefined) blame(identity.pointer, identity.detail);
    const parsed = parseDocument(kind, document);
    for (const { path, message } of parsed.problems) blame(pointerTo(path), message);
    if (parsed.object === undefined || identity !== undefined) {
      if (kind === 'Subnet') brokenSubnets = true;
      if (kind === 'Profile') brokenProfiles.add(name);
      continue;
    }
    put.set(change, parsed.object);
    documents.push(document);
  }
  checkTogether();
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', put, deleted };

  function checkTogether(): void {
    const changed = new Set(changes.flatMap(({ kind, name }) => (kind === 'Machine' ? name : [])));
    const owner = (name: string | undefined): string | undefined => (name === undefined || changed.has(name) ? undefined : name);
    const candidate = {
      subnets: merged('Subnet'),
      profiles: merged('Profile'),
      machines: merged('Machine'),
      oneShots: state.oneShots,
      put: documents,
      deleted,
      ownerOfMac: (mac: string) => owner(claims.ownerOfMac(mac)),
      ownerOfAddress: (address: string) => owner(claims.ownerOfAddress(address)),
      brokenProfiles,
      brokenSubnets,
    };
    crossCheck(candidate, (kind, name, path, detail) => void problems.push({ kind, name, pointer: pointerTo(path), detail }));
  }

  function merged<Kind extends ObjectKind>(kind: Kind): ReadonlyMap<string, Objects[Kind]> {
    const objects = new Map<string, Objects[Kind]>();
    for (const [name, { object }] of state.entries[kind]) if (object !== undefined) objects.set(name, object);
    for (const change of deleted) if (change.kind === kind) objects.delete(change.name);
    for (const [change, object] of put) if (change.kind === kind) objects.set(change.name, object as Objects[Kind]);
    return objects;
  }
}

function conflictOf({ kind, name, revision }: ObjectChange, state: ObjectState): ObjectConflict[] {
  const current = state.find(kind, name);
  if ((current?.revision ?? 0) === revision) return [];
  if (current === undefined) return [{ kind, name, revision: 0 }];
  const { updatedBy, updatedMs } = current;
  return [{ kind, name, revision: current.revision, updatedBy, updatedMs }];
}

function identityProblem({ kind, name }: ObjectChange, document: ObjectDocument): Pick<ObjectProblem, 'pointer' | 'detail'> | undefined {
  if (document.kind !== kind) return { pointer: '/kind', detail: `expected ${kind}, found ${JSON.stringify(document.kind)}` };
  if (document.name !== name) return { pointer: '/name', detail: `expected ${name}, found ${JSON.stringify(document.name)}` };
  const bytes = Buffer.byteLength(JSON.stringify(document));
  return bytes <= maxDocumentBytes
    ? undefined
    : { pointer: '', detail: `expected at most ${maxDocumentBytes} bytes as JSON, found ${bytes}` };
}

/** The entries of a plan once its objects are stored; without an answer of the store, as they would be. */
export function entriesOf(put: ReadonlyMap<ObjectChange, Objects[ObjectKind]>, stored: readonly StoredObject[]): Entry[] {
  const byKey = new Map(stored.map((object) => [`${object.kind}/${object.name}`, object] as const));
  return Array.from(put, ([{ kind, name }, object]) => {
    const found = byKey.get(`${kind}/${name}`);
    if (found === undefined) throw new Error(`the store did not answer for ${kind} ${name}, which it was given`);
    return { stored: found, object };
  });
}

/** Moves MACs and addresses to whom they belong after a change. */
export function moveClaims(claims: Claims, before: ObjectState, after: ObjectState, changes: readonly ObjectChange[]): void {
  const names = changes.flatMap(({ kind, name }) => (kind === 'Machine' ? name : []));
  const present = (state: ObjectState): Machine[] => names.flatMap((name) => state.object('Machine', name) ?? []);
  for (const machine of present(before)) claims.remove(machine);
  for (const machine of present(after)) claims.add(machine);
}
