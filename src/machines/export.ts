import { stringify } from 'yaml';
import type { SchemaNode } from '../documents/check-shape.ts';
import { isRecord } from '../documents/check-shape.ts';
import { byName } from './natural-order.ts';
import { objectKinds, objectSchemas } from './object-schemas.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { ObjectDocument } from './object-store.ts';

/** All objects, kind by kind as {@link objectKinds} has them, each by name, with keys in the order of the reference. */
export function orderedDocuments(snapshot: ObjectSnapshot): ObjectDocument[] {
  return objectKinds.flatMap((kind) => [...snapshot.list(kind)].sort(byName).map(({ document }) => orderedDocument(document)));
}

/** A document is put in order once, however often it is exported. */
const ordered = new WeakMap<ObjectDocument, ObjectDocument>();

function orderedDocument(document: ObjectDocument): ObjectDocument {
  const known = ordered.get(document);
  if (known !== undefined) return known;
  const made = inOrder(document, objectSchemas[document.kind] as SchemaNode) as ObjectDocument;
  ordered.set(document, made);
  return made;
}

/**
 * All objects as YAML that `apply` takes: the same objects give the same bytes, whatever way they came. What is exported is
 * what was written, without defaults; comments are lost, since a database keeps none.
 */
export function exportDocuments(snapshot: ObjectSnapshot): string {
  return documentsText(orderedDocuments(snapshot));
}

export function documentsText(documents: readonly ObjectDocument[]): string {
  // MAC addresses are numbers to base 60 for readers of YAML 1.1: they get quotes.
  const options = { aliasDuplicateObjects: false, lineWidth: 0, compat: 'yaml-1.1', singleQuote: true } as const;
  return documents.map((document) => stringify(document, options)).join('---\n');
}

function inOrder(value: unknown, schema: SchemaNode | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => inOrder(item, schema?.items));
  if (!isRecord(value)) return value;
  const known = Object.keys(schema?.properties ?? {}).filter((key) => Object.hasOwn(value, key));
  // Names that people choose, and keys of another version of virtdom.
  const others = Object.keys(value)
    .filter((key) => !known.includes(key))
    .sort();
  return Object.fromEntries([...known, ...others].map((key) => [key, inOrder(value[key], schema?.properties?.[key])]));
}
