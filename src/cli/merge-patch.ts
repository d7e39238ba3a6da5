import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../documents/check-shape.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The merge patch (RFC 7396) that makes `after` of `before`: null removes, lists are replaced as a whole. */
export function mergePatch(before: Fields, after: Fields): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const earlier = before[key];
    if (isDeepStrictEqual(earlier, value)) continue;
    patch[key] = isRecord(earlier) && isRecord(value) ? mergePatch(earlier, value) : value;
  }
  return patch;
}
