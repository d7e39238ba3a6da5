import type { Context } from '../expressions/evaluate.ts';
import { pathText } from '../expressions/expression-reads.ts';
import type { ReadPath } from '../expressions/expression-reads.ts';

const maxEntries = 20;
const maxText = 200;

/**
 * What an expression read, by path, for people: the values of many agents by their names, the first twenty of them. The variable
 * `each` is a list here, of what the expression saw one after the other.
 */
export function inputsOf(reads: readonly ReadPath[], context: Context, each?: string): Record<string, unknown> {
  const stepsOf = (path: ReadPath): ReadPath => (path[0] === each && each !== undefined ? [each, '[]', ...path.slice(1)] : path);
  return Object.fromEntries(reads.map((path) => [pathText(path), shown(stepsOf(path), context)]));
}

function shown(path: ReadPath, context: Context): unknown {
  const at = path.indexOf('[]');
  if (at < 0) return brief(follow(path, context));
  const list = follow(path.slice(0, at), context);
  if (!Array.isArray(list)) return brief(list);
  const rest = path.slice(at + 1).filter((step) => step !== '[]');
  const entries = list.slice(0, maxEntries).map((entry, index) => [nameOf(entry, index), brief(follow(rest, entry))] as const);
  return Object.fromEntries(list.length > maxEntries ? [...entries, ['...', `${list.length - maxEntries} more`]] : entries);
}

function follow(path: ReadPath, from: unknown): unknown {
  let value = from;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = value[step as never];
  }
  return value;
}

function nameOf(value: unknown, index: number): string {
  const name = follow(['name'], value) ?? follow(['kind'], value);
  return typeof name === 'string' ? (follow(['kind'], value) === undefined ? name : `${index} ${name}`) : String(index);
}

/** What is not there is shown as null: a field that is left out would look as if it had not been read. */
function brief(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value.length > maxText ? `${value.slice(0, maxText)}...` : value;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? `a map of ${Object.keys(value).length}` : value;
}
