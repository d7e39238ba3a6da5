import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../documents/check-shape.ts';
import { pointerTo } from '../documents/report.ts';
import type { ValuePath } from '../documents/yaml-source.ts';
import type { ObjectDocument } from './object-store.ts';

/** One value that differs; without `before` it is new, without `after` it is gone. */
export interface FieldChange {
  /** RFC 6901: `/nics/0/address`. */
  readonly pointer: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** What differs between two documents of one object, field by field. The order of keys does not count. */
export function diffDocuments(before: ObjectDocument | undefined, after: ObjectDocument | undefined): FieldChange[] {
  const changes: FieldChange[] = [];
  walk(before ?? {}, after ?? {}, [], changes);
  return changes;
}

function walk(before: unknown, after: unknown, path: ValuePath, changes: FieldChange[]): void {
  if (isRecord(before) && isRecord(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    for (const key of keys) walk(own(before, key), own(after, key), [...path, key], changes);
  } else if (Array.isArray(before) && Array.isArray(after) && [...before, ...after].some(isRecord)) {
    const length = Math.max(before.length, after.length);
    for (let index = 0; index < length; index++) walk(before[index], after[index], [...path, index], changes);
  } else if (!isDeepStrictEqual(before, after)) {
    changes.push({ pointer: pointerTo(path), ...(before !== undefined && { before }), ...(after !== undefined && { after }) });
  }
}

function own(value: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}
