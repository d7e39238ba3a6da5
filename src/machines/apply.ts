import { isRecord } from '../documents/check-shape.ts';
import { didYouMean } from '../documents/problems.ts';
import { Breath } from './breath.ts';
import { diffDocuments } from './diff-documents.ts';
import type { FieldChange } from './diff-documents.ts';
import type { CommitOptions, CommitOutcome, ObjectBook } from './object-book.ts';
import { objectKinds } from './object-schemas.ts';
import type { ObjectKind } from './object-schemas.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { ObjectChange, ObjectDocument } from './object-store.ts';
import { maxDocumentBytes } from './object-plan.ts';

/** What becomes of one object. */
export interface AppliedObject {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly outcome: 'created' | 'changed' | 'unchanged' | 'deleted';
  /** After the change; 0 for one that is deleted. */
  readonly revision: number;
  readonly changes: readonly FieldChange[];
}

export type ApplyOutcome =
  | { readonly kind: 'done'; readonly written: boolean; readonly objects: readonly AppliedObject[] }
  | Exclude<CommitOutcome, { kind: 'done' }>;

export interface ApplyOptions extends CommitOptions {
  /** Whether to delete what the documents do not have, of the kinds that they have. */
  readonly prune?: boolean;
}

/** Puts each document in place of the object of its kind and name: all or none, and nothing where nothing differs. */
export async function applyDocuments(
  book: ObjectBook,
  documents: readonly ObjectDocument[],
  { prune = false, ...options }: ApplyOptions,
): Promise<ApplyOutcome> {
  let compared: readonly Compared[] = [];
  const outcome = await book.commit(async (snapshot) => {
    compared = await compare(snapshot, documents, prune);
    return compared.flatMap(({ change }) => change ?? []);
  }, options);
  if (outcome.kind !== 'done') return outcome;
  return { kind: 'done', written: outcome.written, objects: compared.map(({ object }) => object) };
}

interface Compared {
  readonly object: AppliedObject;
  readonly change?: ObjectChange;
}

async function compare(snapshot: ObjectSnapshot, documents: readonly ObjectDocument[], prune: boolean): Promise<Compared[]> {
  const compared: Compared[] = [];
  const breath = new Breath();
  for (const document of documents) {
    await breath.take();
    compared.push(compareOne(snapshot, document));
  }
  return prune ? compared.concat(leftOver(snapshot, documents)) : compared;
}

function compareOne(snapshot: ObjectSnapshot, document: ObjectDocument): Compared {
  const { kind, name } = document;
  const current = snapshot.find(kind, name);
  const changes = diffDocuments(current?.document, document);
  const revision = current?.revision ?? 0;
  if (current !== undefined && changes.length === 0) return { object: { kind, name, outcome: 'unchanged', revision, changes } };
  const outcome = current === undefined ? 'created' : 'changed';
  return { object: { kind, name, outcome, revision: revision + 1, changes }, change: { kind, name, revision, document } };
}

function leftOver(snapshot: ObjectSnapshot, documents: readonly ObjectDocument[]): Compared[] {
  const kinds = objectKinds.filter((kind) => documents.some((document) => document.kind === kind));
  const kept = new Set(documents.map(({ kind, name }) => `${kind}/${name}`));
  return kinds
    .flatMap((kind) => snapshot.list(kind))
    .filter(({ kind, name }) => !kept.has(`${kind}/${name}`))
    .map(({ kind, name, revision, document }) => ({
      object: { kind, name, outcome: 'deleted', revision: 0, changes: diffDocuments(document, undefined) },
      change: { kind, name, revision },
    }));
}

/** Values that came as JSON, as far as they name a kind and an object; what else is wrong with them, `apply` says. */
export function asDocuments(values: readonly unknown[]): {
  readonly documents: readonly ObjectDocument[];
  readonly problems: readonly { /** Into the list (RFC 6901): `/3/kind`. */ readonly pointer: string; readonly detail: string }[];
} {
  const documents: ObjectDocument[] = [];
  const problems: { pointer: string; detail: string }[] = [];
  for (const [index, value] of values.entries()) {
    const blame = (key: string, detail: string): void => void problems.push({ pointer: `/${index}${key}`, detail });
    if (!isRecord(value)) {
      blame('', `expected an object with kind: ${objectKinds.join(', ')}`);
      continue;
    }
    // Before anything goes through its keys: a megabyte of them would hold the control thread.
    const characters = JSON.stringify(value).length;
    if (characters > maxDocumentBytes) {
      blame('', `expected at most ${maxDocumentBytes} bytes as JSON, found ${characters} or more`);
      continue;
    }
    const { kind, name } = value;
    const known = objectKinds.find((each) => each === kind);
    if (known === undefined) {
      const found = typeof kind === 'string' ? `, found ${kind}${didYouMean(kind, objectKinds)}` : '';
      blame('/kind', `expected ${objectKinds.join(', ')}${found}`);
    } else if (typeof name !== 'string') blame('/name', 'expected a name');
    else documents.push({ ...value, kind: known, name });
  }
  return { documents, problems };
}
