import { exhausted, Failure, spend } from './budget.ts';
import type { Budget } from './budget.ts';
import { maxTextLetters, typeName } from './expression-functions.ts';

const maxInt = 2n ** 63n - 1n;
const minInt = -(2n ** 63n);
const maxListElements = 4096;
const maxCompareDepth = 32;
/** Comparing 1024 letters costs a step. */
const lettersPerStepBits = 10;

/** `a op b` for all operators of two values but `&&` and `||`. */
export function binary(operator: string, left: unknown, right: unknown, budget: Budget): unknown {
  switch (operator) {
    case '==':
      return equal(left, right, budget);
    case '!=': {
      const same = equal(left, right, budget);
      return same instanceof Failure ? same : !same;
    }
    case 'in':
      return isIn(left, right, budget);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(operator, left, right, budget);
    default:
      return calculate(operator, left, right, budget);
  }
}

export function negate(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return -value;
  return new Failure(`-: expected a number, found ${typeName(value)}`);
}

/** Numbers by their value, whole or not; texts, lists and maps by their content; values of different types are different. */
function equal(left: unknown, right: unknown, budget: Budget, depth = 0): boolean | Failure {
  if (!spend(budget, 1)) return exhausted;
  if (typeof left === 'string' && typeof right === 'string') {
    if (left.length !== right.length) return false;
    return spend(budget, left.length >> lettersPerStepBits) ? left === right : exhausted;
  }
  if (left === right) return true;
  if (isNumber(left)) return isNumber(right) && sameNumber(left, right);
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (depth > maxCompareDepth) return new Failure(`==: values that are nested deeper than ${maxCompareDepth} are not compared`);
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return every(left.keys(), (index) => equal(left[index], right[index], budget, depth + 1));
  }
  const keys = Object.keys(left);
  if (!spend(budget, keys.length >> 3)) return exhausted;
  if (keys.length !== Object.keys(right).length) return false;
  return every(keys.values(), (key) =>
    Object.hasOwn(right, key) ? equal(left[key as never], right[key as never], budget, depth + 1) : false,
  );
}

function every<Item>(items: Iterable<Item>, test: (item: Item) => boolean | Failure): boolean | Failure {
  for (const item of items) {
    const outcome = test(item);
    if (outcome !== true) return outcome;
  }
  return true;
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function sameNumber(left: number | bigint, right: number | bigint): boolean {
  return typeof left === typeof right ? left === right : Number(left) === Number(right);
}

function isIn(value: unknown, container: unknown, budget: Budget): unknown {
  if (Array.isArray(container)) {
    for (const each of container) {
      const same = equal(value, each, budget);
      if (same !== false) return same;
    }
    return false;
  }
  if (typeof container !== 'object' || container === null) return new Failure(`in: expected a list or a map, found ${typeName(container)}`);
  if (typeof value !== 'string') return new Failure(`in: the keys of a map are texts, found ${typeName(value)}`);
  return Object.hasOwn(container, value);
}

function compare(operator: '<' | '<=' | '>' | '>=', left: unknown, right: unknown, budget: Budget): unknown {
  const areTexts = typeof left === 'string' && typeof right === 'string';
  if (areTexts && !spend(budget, Math.min(left.length, right.length) >> lettersPerStepBits)) return exhausted;
  const comparable = areTexts || (isNumber(left) && isNumber(right));
  if (!comparable) return new Failure(`${operator}: expected two numbers or two texts, found ${typeName(left)} and ${typeName(right)}`);
  if (operator === '<') return left < right;
  if (operator === '<=') return left <= right;
  return operator === '>' ? left > right : left >= right;
}

function calculate(operator: string, left: unknown, right: unknown, budget: Budget): unknown {
  if (typeof left === 'bigint' && typeof right === 'bigint') return calculateInt(operator, left, right);
  if (isNumber(left) && isNumber(right)) return calculateDouble(operator, Number(left), Number(right));
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') {
    if (left.length + right.length > maxTextLetters) return new Failure(`+: a text of more than ${maxTextLetters} letters`);
    return left + right;
  }
  if (operator === '+' && Array.isArray(left) && Array.isArray(right)) {
    const elements = left.length + right.length;
    if (elements > maxListElements) return new Failure(`+: a list of more than ${maxListElements} elements`);
    return spend(budget, elements) ? left.concat(right) : exhausted;
  }
  return new Failure(`${operator}: cannot be done with ${typeName(left)} and ${typeName(right)}`);
}

function calculateInt(operator: string, left: bigint, right: bigint): bigint | Failure {
  if ((operator === '/' || operator === '%') && right === 0n) return new Failure(`${operator}: division by zero`);
  const result = wholeResult(operator, left, right);
  return result > maxInt || result < minInt ? new Failure(`${operator}: a whole number of more than 64 bits`) : result;
}

function wholeResult(operator: string, left: bigint, right: bigint): bigint {
  if (operator === '+') return left + right;
  if (operator === '-') return left - right;
  if (operator === '*') return left * right;
  return operator === '/' ? left / right : left % right;
}

function calculateDouble(operator: string, left: number, right: number): number {
  if (operator === '+') return left + right;
  if (operator === '-') return left - right;
  if (operator === '*') return left * right;
  return operator === '/' ? left / right : left % right;
}
