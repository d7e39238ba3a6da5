import { pointerTo } from '../documents/report.ts';
import type { Machine } from '../model/machine.ts';
import { Breath } from './breath.ts';
import { crossCheckSteps } from './cross-checks.ts';
import type { Blame, Candidate } from './candidate.ts';
import { objectKinds } from './object-schemas.ts';
import type { ObjectKind } from './object-schemas.ts';
import { namesPerKind } from './object-state.ts';
import type { Claims, Entry, ObjectState } from './object-state.ts';
import type { ObjectChange, ObjectConflict, ObjectDocument, StoredObject } from './object-store.ts';
import { parseDocument } from './objects.ts';
import type { Objects } from './objects.ts';
import type { CheckExpression } from './candidate.ts';

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
export const maxDocumentBytes = 65_536;
/** More would take memory and time that other parts count on. */
const maxObjects: Readonly<Record<ObjectKind, number>> = {
  Subnet: 1_000,
  Profile: 1_000,
  Machine: 50_000,
  Environment: 1_000,
  Role: 1_000,
  Trigger: 1_000,
};

/** Checks changes against the state that they are made of: revisions first, then shapes, then how all fits together. */
export async function checkPlan(
  changes: readonly ObjectChange[],
  state: ObjectState,
  claims: Claims,
  checkExpression?: CheckExpression,
): Promise<CheckedPlan> {
  const conflicts = changes.flatMap((change) => conflictOf(change, state));
  if (conflicts.length > 0) return { kind: 'conflict', conflicts };
  const breath = new Breath();
  const draft = await readChanges(changes, breath);
  const { put, deleted, problems } = draft;
  const blame: Blame = (kind, name, path, detail) => void problems.push({ kind, name, pointer: pointerTo(path), detail });
  const candidate = { ...candidateOf(draft, changes, state, claims), checkExpression };
  problems.push(...tooMany(candidate, changes));
  for (const _ of crossCheckSteps(candidate, blame)) await breath.take();
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', put, deleted };
}

/** What changes say by themselves, before it is asked how that fits together. */
interface Draft {
  readonly put: Map<ObjectChange, Objects[ObjectKind]>;
  readonly documents: ObjectDocument[];
  readonly deleted: ObjectChange[];
  readonly problems: ObjectProblem[];
  readonly broken: Readonly<Record<ObjectKind, Set<string>>>;
}

async function readChanges(changes: readonly ObjectChange[], breath: Breath): Promise<Draft> {
  const draft: Draft = { put: new Map(), documents: [], deleted: [], problems: [], broken: namesPerKind() };
  const seen = new Set<string>();
  for (const change of changes) {
    await breath.take();
    const { kind, name } = change;
    const key = `${kind}/${name}`;
    if (seen.has(key)) draft.problems.push(problemOf(change, '/name', `expected a name of its own, ${name} is changed twice at once`));
    else if (change.document === undefined) draft.deleted.push(change);
    else readDocument(change, change.document, draft);
    seen.add(key);
  }
  return draft;
}

function readDocument(change: ObjectChange, document: ObjectDocument, draft: Draft): void {
  const { kind, name } = change;
  const identity = identityProblem(change, document);
  if (identity !== undefined) draft.problems.push(identity);
  const parsed = parseDocument(kind, document);
  for (const { path, message } of parsed.problems) draft.problems.push(problemOf(change, pointerTo(path), message));
  if (parsed.object !== undefined && identity === undefined) {
    draft.put.set(change, parsed.object);
    draft.documents.push(document);
  } else draft.broken[kind].add(name);
}

function candidateOf(draft: Draft, changes: readonly ObjectChange[], state: ObjectState, claims: Claims): Candidate {
  const changed = new Set(changes.flatMap(({ kind, name }) => (kind === 'Machine' ? name : [])));
  const owner = (name: string | undefined): string | undefined => (name === undefined || changed.has(name) ? undefined : name);
  return {
    subnets: merged('Subnet', draft, state),
    profiles: merged('Profile', draft, state),
    machines: merged('Machine', draft, state),
    environments: merged('Environment', draft, state),
    roles: merged('Role', draft, state),
    triggers: merged('Trigger', draft, state),
    oneShots: state.oneShots,
    put: draft.documents,
    deleted: draft.deleted,
    ownerOfMac: (mac) => owner(claims.ownerOfMac(mac)),
    ownerOfAddress: (address) => owner(claims.ownerOfAddress(address)),
    broken: draft.broken,
  };
}

function merged<Kind extends ObjectKind>(kind: Kind, { put, deleted }: Draft, state: ObjectState): ReadonlyMap<string, Objects[Kind]> {
  const objects = new Map<string, Objects[Kind]>();
  for (const [name, { object }] of state.entries[kind]) if (object !== undefined) objects.set(name, object);
  for (const change of deleted) if (change.kind === kind) objects.delete(change.name);
  for (const [change, object] of put) if (change.kind === kind) objects.set(change.name, object as Objects[Kind]);
  return objects;
}

/** Told of the first new one. */
function tooMany(candidate: Candidate, changes: readonly ObjectChange[]): ObjectProblem[] {
  const sizes: Readonly<Record<ObjectKind, number>> = {
    Subnet: candidate.subnets.size,
    Profile: candidate.profiles.size,
    Machine: candidate.machines.size,
    Environment: candidate.environments.size,
    Role: candidate.roles.size,
    Trigger: candidate.triggers.size,
  };
  return objectKinds.flatMap((kind) => {
    const added = changes.find((change) => change.kind === kind && change.revision === 0);
    if (added === undefined || sizes[kind] <= maxObjects[kind]) return [];
    return [problemOf(added, '', `expected at most ${maxObjects[kind]} objects of this kind, there would be ${sizes[kind]}`)];
  });
}

function problemOf({ kind, name }: ObjectChange, pointer: string, detail: string): ObjectProblem {
  return { kind, name, pointer, detail };
}

function conflictOf({ kind, name, revision }: ObjectChange, state: ObjectState): ObjectConflict[] {
  const current = state.find(kind, name);
  if ((current?.revision ?? 0) === revision) return [];
  if (current === undefined) return [{ kind, name, revision: 0 }];
  const { updatedBy, updatedMs } = current;
  return [{ kind, name, revision: current.revision, updatedBy, updatedMs }];
}

function identityProblem(change: ObjectChange, document: ObjectDocument): ObjectProblem | undefined {
  const { kind, name } = change;
  if (document.kind !== kind) return problemOf(change, '/kind', `expected ${kind}, found ${JSON.stringify(document.kind)}`);
  if (document.name !== name) return problemOf(change, '/name', `expected ${name}, found ${JSON.stringify(document.name)}`);
  const bytes = Buffer.byteLength(JSON.stringify(document));
  if (bytes <= maxDocumentBytes) return undefined;
  return problemOf(change, '', `expected at most ${maxDocumentBytes} bytes as JSON, found ${bytes}`);
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
