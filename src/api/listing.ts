import { cursorOf, positionOf } from './cursor.ts';
import { ProblemError } from './problems.ts';
import type { Page } from './schemas/page.ts';

export interface ListingQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly total?: boolean | undefined;
  readonly sort?: string | undefined;
}

export type SortKeys<Item> = Readonly<Record<string, (item: Item) => string | number>>;

/**
 * A page of things that are in memory: sorted by one key and then by name, so that a page goes on where the one before
 * ended, whatever came or went meanwhile.
 */
export function pageOfItems<Item>(
  items: readonly Item[],
  query: ListingQuery,
  nameOf: (item: Item) => string,
  sortKeys: SortKeys<Item> = {},
): Page<Item> {
  const { field, falling } = sortOf(query.sort, ['name', ...Object.keys(sortKeys)]);
  const sorter = sortKeys[field] ?? nameOf;
  const direction = falling ? -1 : 1;
  const compare = (left: readonly [string | number, string], right: readonly [string | number, string]): number =>
    direction * (compareValues(left[0], right[0]) || compareValues(left[1], right[1]));
  const keyed = items
    .map((item) => ({ item, at: [sorter(item), nameOf(item)] as const }))
    .sort((left, right) => compare(left.at, right.at));
  let rest = keyed;
  if (query.cursor !== undefined) {
    const isNumber = keyed[0] !== undefined && typeof keyed[0].at[0] === 'number';
    const [order, value, name] = positionOf(query.cursor, ['string', isNumber ? 'number' : 'string', 'string']) as [
      string,
      string | number,
      string,
    ];
    if (order !== (query.sort ?? 'name'))
      throw new ProblemError('invalid-request', 'The cursor is of another order: keep `sort` as it was.');
    rest = keyed.filter(({ at }) => compare(at, [value, name]) > 0);
  }
  const limit = query.limit ?? 50;
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(({ item }) => item),
    ...(rest.length > limit && last !== undefined && { nextCursor: cursorOf([query.sort ?? 'name', ...last.at]) }),
    ...(query.total === true && { total: items.length }),
  };
}

/** A name as a key of its own whose order is the one that people expect: `worker-2` before `worker-10`. */
export function naturalKey(name: string): string {
  return `${name.replaceAll(/\d+/g, (digits) => digits.padStart(12, '0'))} ${name}`;
}

/** @throws ProblemError for a field that cannot be sorted by. */
export function sortOf(sort: string | undefined, fields: readonly string[]): { readonly field: string; readonly falling: boolean } {
  const text = sort ?? fields[0] ?? 'name';
  const falling = text.startsWith('-');
  const field = falling ? text.slice(1) : text;
  if (!fields.includes(field))
    throw new ProblemError('invalid-request', `Nothing is sorted by ${JSON.stringify(field.slice(0, 64))}: use ${fields.join(', ')}.`, {
      errors: [{ pointer: '?sort', detail: `must be one of ${fields.join(', ')}, with a dash before it for falling` }],
    });
  return { field, falling };
}

/** Texts by their code points: the same everywhere, and digits in addresses are padded by who asks. */
function compareValues(left: string | number, right: string | number): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Values of a parameter that holds several with commas between. @throws ProblemError for one that is not allowed. */
export function valuesOf<Value extends string>(
  name: string,
  text: string | undefined,
  allowed: readonly Value[],
): readonly Value[] | undefined {
  if (text === undefined) return undefined;
  const values = text.split(',').map((value) => value.trim());
  const wrong = values.filter((value) => !allowed.includes(value as Value));
  if (wrong.length > 0)
    throw new ProblemError('invalid-request', `${name} is not known: ${wrong[0]?.slice(0, 64)}.`, {
      errors: [{ pointer: `?${name}`, detail: `must be one of ${allowed.join(', ')}, or several with commas between` }],
    });
  return values as Value[];
}

export function holds(q: string | undefined, ...texts: readonly (string | undefined)[]): boolean {
  if (q === undefined || q === '') return true;
  const wanted = q.toLowerCase();
  return texts.some((text) => text !== undefined && text.toLowerCase().includes(wanted));
}

/** `rack=a3,row` as a query says it: `row` is for any value. @throws ProblemError where one has no name */
export function labelsOf(query: string): (readonly [string, string | true])[] {
  return query.split(',').map(labelOf);
}

function labelOf(label: string): readonly [string, string | true] {
  const at = label.indexOf('=');
  const [name, value] = at < 0 ? [label, true as const] : [label.slice(0, at), label.slice(at + 1).trim()];
  if (name.trim() !== '') return [name.trim(), value];
  throw new ProblemError('invalid-request', 'A label is written name=value, or name for any value.', {
    errors: [{ pointer: '?label', detail: 'must be name=value or name, several with commas between' }],
  });
}
