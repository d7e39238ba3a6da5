import { byName } from './natural-order.ts';

/** A hostlist names at most this many machines. */
export const maxHosts = 10_000;
const maxLength = 65_536;

export type HostlistResult =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'wrong'; /** What was expected, and where. */ readonly reason: string };

/**
 * `node[01-20,25],gw` is node01 to node20, node25 and gw, in that order and each once. Numbers keep their leading zeros;
 * several brackets in one name give every combination, the last one running fastest.
 */
export function expandHostlist(text: string): HostlistResult {
  if (text.length > maxLength) return wrong(`expected at most ${maxLength} letters, found ${text.length}`);
  const names = new Set<string>();
  const parts = splitParts(text);
  if (typeof parts === 'string') return wrong(parts);
  for (const part of parts) {
    if (part === '') return wrong('expected a name between two commas, such as node[01-20],gw');
    const expanded = expandPart(part, maxHosts);
    if (typeof expanded === 'string') return wrong(expanded);
    for (const name of expanded) names.add(name);
    if (names.size > maxHosts) return wrong(tooMany(text));
  }
  return { kind: 'names', names: [...names] };
}

function wrong(reason: string): HostlistResult {
  return { kind: 'wrong', reason };
}

function tooMany(part: string): string {
  return `expected at most ${maxHosts} names, ${shortened(part)} has more`;
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

/** At the commas that stand outside of brackets. */
function splitParts(text: string): string[] | string {
  const parts: string[] = [];
  let start = 0;
  let open = -1;
  for (let index = 0; index < text.length; index++) {
    const letter = text[index];
    if (letter === '[') {
      if (open >= 0) return `expected ] before the second [ in ${shortened(text.slice(open))}`;
      open = index;
    } else if (letter === ']') {
      if (open < 0) return `expected [ before ] in ${shortened(text.slice(start))}`;
      open = -1;
    } else if (letter === ',' && open < 0) {
      parts.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  if (open >= 0) return `expected ] after ${shortened(text.slice(open))}`;
  return [...parts, text.slice(start).trim()];
}

function expandPart(part: string, most: number): string[] | string {
  const [head = '', ...rest] = part.split('[');
  let names = [head];
  for (const piece of rest) {
    const end = piece.indexOf(']');
    const numbers = expandRanges(piece.slice(0, end), most);
    if (typeof numbers === 'string') return numbers;
    if (names.length * numbers.length > most) return tooMany(part);
    const tail = piece.slice(end + 1);
    names = names.flatMap((name) => numbers.map((number) => name + number + tail));
  }
  return names;
}

function expandRanges(text: string, most: number): string[] | string {
  const numbers: string[] = [];
  for (const range of text.split(',')) {
    const [, first, , last] = /^\s*(\d{1,9})(\s*-\s*(\d{1,9}))?\s*$/.exec(range) ?? [];
    if (first === undefined) return `expected numbers such as 01-20 or 25 in brackets, found ${shortened(range) || 'nothing'}`;
    const [from, to] = [Number(first), Number(last ?? first)];
    if (to < from) return `expected the lower number first, found ${range.trim()}`;
    if (last !== undefined && first.startsWith('0') && first.length !== last.length)
      return `expected as many digits at both ends, found ${range.trim()}`;
    if (numbers.length + to - from + 1 > most) return tooMany(range.trim());
    for (let number = from; number <= to; number++) numbers.push(String(number).padStart(first.length, '0'));
  }
  return numbers;
}

/** The shortest hostlist of these names by their last number, in natural order: `gw,node[01-20,25]`. */
export function foldHostlist(names: readonly string[]): string {
  const parts = [...new Set(names)]
    .map((name) => ({ name }))
    .sort(byName)
    .map(({ name }) => partsOf(name));
  const padded = new Set(parts.flatMap((part) => (part.number.startsWith('0') ? paddedKey(part) : [])));
  const groups = new Map<string, NameParts[]>();
  for (const part of parts) {
    // node10 goes with node01 to node09 where there are such, else with node1 to node9.
    const key = padded.has(paddedKey(part)) ? paddedKey(part) : `${part.head}[]${part.tail}`;
    const group = groups.get(key) ?? [];
    group.push(part);
    groups.set(key, group);
  }
  return Array.from(groups.values(), folded).join(',');
}

interface NameParts {
  readonly head: string;
  /** Empty where the name has none. */
  readonly number: string;
  readonly tail: string;
}

function partsOf(name: string): NameParts {
  const [, head = name, number = '', tail = ''] = /^(.*?)(\d{1,9})(\D*)$/.exec(name) ?? [];
  return { head, number, tail };
}

function paddedKey({ head, number, tail }: NameParts): string {
  return `${head}[${number.length}]${tail}`;
}

function folded(group: readonly NameParts[]): string {
  const [{ head, number, tail } = { head: '', number: '', tail: '' }] = group;
  return group.length < 2 ? head + number + tail : `${head}[${ranges(group.map((part) => part.number))}]${tail}`;
}

function ranges(numbers: readonly string[]): string {
  const runs: { first: string; last: string }[] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run !== undefined && Number(number) === Number(run.last) + 1) run.last = number;
    else runs.push({ first: number, last: number });
  }
  return runs.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(',');
}
