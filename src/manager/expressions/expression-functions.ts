import { exhausted, Failure, spend } from './budget.ts';
import type { Budget } from './budget.ts';
import { matchesPattern } from './pattern.ts';

/** Texts that an expression puts together are at most this long. */
export const maxTextLetters = 4096;
/** Steps for a look at each letter of a text. */
const lettersPerStep = 64;

/** For the library's checker, beside those that it knows. */
export const signatures = ['list.sum(): double', 'list.avg(): double', 'list.min(): double', 'list.max(): double'] as const;

type Call = (args: readonly unknown[], budget: Budget) => unknown;

/** `f(x)`. `has` and the loops are part of the language: they are not here. */
export const functions: Readonly<Record<string, Call>> = {
  size: ([value], budget) => sizeOf(value, budget),
  int: ([value]) => toInt(value),
  double: ([value]) => toDouble(value),
  string: ([value]) => toText(value),
  dyn: ([value]) => value,
};

/** `x.f(y)`; the first argument is x. */
export const methods: Readonly<Record<string, Call>> = {
  size: ([value], budget) => sizeOf(value, budget),
  startsWith: ([text, part], budget) => bothTexts(text, part, (a, b) => (spend(budget, b.length >> 10) ? a.startsWith(b) : exhausted)),
  endsWith: ([text, part], budget) => bothTexts(text, part, (a, b) => (spend(budget, b.length >> 10) ? a.endsWith(b) : exhausted)),
  contains: ([text, part], budget) =>
    bothTexts(text, part, (a, b) => (spend(budget, Math.ceil((a.length * b.length) / 512)) ? a.includes(b) : exhausted)),
  matches: ([text, pattern], budget) => bothTexts(text, pattern, (a, b) => matchesPattern(a, b, budget)),
  lowerAscii: ([text], budget) => inCase(text, budget, /[A-Z]+/g, (letters) => letters.toLowerCase()),
  upperAscii: ([text], budget) => inCase(text, budget, /[a-z]+/g, (letters) => letters.toUpperCase()),
  trim: ([text], budget) => oneText(text, budget, (each) => each.trim()),
  sum: ([list], budget) => ofNumbers('sum', list, budget, (numbers) => numbers.reduce((sum, each) => sum + each, 0)),
  avg: ([list], budget) => ofNumbers('avg', list, budget, (numbers) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length),
  min: ([list], budget) => ofNumbers('min', list, budget, (numbers) => numbers.reduce((least, each) => Math.min(least, each), Infinity)),
  max: ([list], budget) => ofNumbers('max', list, budget, (numbers) => numbers.reduce((most, each) => Math.max(most, each), -Infinity)),
};

/** Loops over a list, or the keys of a map. */
export const loops: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** What people may call, for messages. */
export const callable: readonly string[] = [...new Set(['has', ...Object.keys(functions), ...Object.keys(methods), ...loops])].sort(
  (a, b) => (a < b ? -1 : 1),
);

export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' || typeof value === 'bigint' ? 'a number' : 'nothing';
}

function sizeOf(value: unknown, budget: Budget): unknown {
  if (Array.isArray(value)) return BigInt(value.length);
  if (typeof value === 'string') {
    return spend(budget, value.length >> 4) ? BigInt(codePoints(value)) : exhausted;
  }
  if (typeof value !== 'object' || value === null) return new Failure(`size(): expected a text, a list or a map, found ${typeName(value)}`);
  const keys = Object.keys(value).length;
  return spend(budget, keys >> 3) ? BigInt(keys) : exhausted;
}

/** The letters of a text are its code points in CEL. */
function codePoints(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length - 1; at++)
    if ((text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) pairs++;
  return text.length - pairs;
}

function toInt(value: unknown): unknown {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Math.abs(value) < 2 ** 63) return BigInt(Math.trunc(value));
  if (typeof value === 'string' && /^[+-]?\d{1,18}$/.test(value)) return BigInt(value.replace('+', ''));
  return new Failure(`int(): expected a number or its text, found ${typeName(value)}`);
}

function toDouble(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' && /^[+-]?\d{1,32}(?:\.\d{1,32})?(?:[eE][+-]?\d{1,3})?$/.test(value)) return Number(value);
  return new Failure(`double(): expected a number or its text, found ${typeName(value)}`);
}

function toText(value: unknown): unknown {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return new Failure(`string(): expected a number, a text, true or false, found ${typeName(value)}`);
}

function bothTexts(text: unknown, part: unknown, answer: (text: string, part: string) => unknown): unknown {
  if (typeof text === 'string' && typeof part === 'string') return answer(text, part);
  return new Failure(`expected a text, found ${typeName(typeof text === 'string' ? part : text)}`);
}

function oneText(text: unknown, budget: Budget, answer: (text: string) => unknown): unknown {
  if (typeof text !== 'string') return new Failure(`expected a text, found ${typeName(text)}`);
  return spend(budget, Math.ceil(text.length / lettersPerStep)) ? answer(text) : exhausted;
}

/** Only ASCII letters change. */
function inCase(text: unknown, budget: Budget, letters: RegExp, change: (letters: string) => string): unknown {
  return oneText(text, budget, (each) => {
    if (/^[\0-\x7f]*$/.test(each)) return change(each);
    return spend(budget, each.length >> 2) ? each.replaceAll(letters, change) : exhausted;
  });
}

function ofNumbers(name: string, list: unknown, budget: Budget, answer: (numbers: readonly number[]) => number): unknown {
  if (!Array.isArray(list)) return new Failure(`${name}(): expected a list of numbers, found ${typeName(list)}`);
  if (!spend(budget, list.length)) return exhausted;
  const numbers: number[] = [];
  for (const each of list) {
    if (typeof each !== 'number' && typeof each !== 'bigint')
      return new Failure(`${name}(): expected numbers, found ${typeName(each)} among them`);
    numbers.push(Number(each));
  }
  if (numbers.length === 0 && name !== 'sum') return new Failure(`${name}() of an empty list: ask for its size() first`);
  return answer(numbers);
}
