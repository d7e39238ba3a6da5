import type { ObjectRow } from './tables.ts';

/** For maps: names have no line ends. */
export function keyOf({ kind, name }: Pick<ObjectRow, 'kind' | 'name'>): string {
  return `${kind}\n${name}`;
}
