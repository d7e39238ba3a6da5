import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { didYouMean } from './problems.ts';
import type { ValuePath } from './yaml-source.ts';

/** One value that is not what the schema says. `at` tells whether the value or its key is to blame. */
export interface ShapeProblem {
  readonly path: ValuePath;
  readonly at: 'value' | 'key';
  readonly message: string;
}

/** The parts of a schema that a walk needs; typebox's own types hide them behind inference. */
export interface SchemaNode {
  readonly type?: string;
  readonly const?: unknown;
  readonly description?: string;
  readonly expected?: string;
  readonly default?: unknown;
  readonly defaultText?: string;
  readonly isPath?: boolean;
  readonly required?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly minItems?: number;
}

/** Fills in defaults, in a copy. */
export function withDefaults(schema: TSchema, value: unknown): unknown {
  return Value.Default(schema, structuredClone(value));
}

/** Everything in `value` that is not of `schema`: each wrong value once, whatever the reason. */
export function checkShape(schema: TSchema, value: unknown): ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  walk(schema, value, [], problems);
  return problems;
}

/** A copy without the values that are wrong. Items of lists stay: the positions of the others must not shift. */
export function withoutValues(value: unknown, wrong: readonly ShapeProblem[]): unknown {
  const copy: unknown = structuredClone(value);
  for (const { path } of wrong) {
    const key = path.at(-1);
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((at, step) => (isRecord(at) || Array.isArray(at) ? at[step as never] : undefined), copy);
    if (typeof key === 'string' && isRecord(parent)) delete parent[key];
  }
  return copy;
}

function walk(schema: SchemaNode, value: unknown, path: ValuePath, problems: ShapeProblem[]): void {
  const wrong = (): void =>
    void problems.push({ path, at: 'value', message: `expected ${schema.expected ?? 'something else'}, found ${describe(value)}` });
  if (schema.properties !== undefined) {
    if (isRecord(value)) walkSection(schema, schema.properties, value, path, problems);
    else wrong();
  } else if (schema.patternProperties !== undefined) {
    const [item] = Object.values(schema.patternProperties);
    if (!isRecord(value)) wrong();
    else if (item !== undefined) for (const [key, each] of Object.entries(value)) walk(item, each, [...path, key], problems);
  } else if (schema.items !== undefined) {
    if (!Array.isArray(value) || value.length < (schema.minItems ?? 0)) wrong();
    else for (const [index, each] of value.entries()) walk(schema.items, each, [...path, index], problems);
  } else if (!Value.Check(schema as TSchema, value)) wrong();
}

function walkSection(
  { required = [] }: SchemaNode,
  properties: Readonly<Record<string, SchemaNode>>,
  value: Readonly<Record<string, unknown>>,
  path: ValuePath,
  problems: ShapeProblem[],
): void {
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(properties, key)) continue;
    const known = Object.keys(properties);
    problems.push({
      path: [...path, key],
      at: 'key',
      message: `unknown key${didYouMean(key, known) || `; known are ${known.join(', ')}`}`,
    });
  }
  for (const [key, schema] of Object.entries(properties)) {
    const each = value[key];
    if (each !== undefined) walk(schema, each, [...path, key], problems);
    else if (required.includes(key))
      problems.push({ path: [...path, key], at: 'value', message: `missing: expected ${schema.expected ?? 'a value'}` });
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return value === '' ? 'an empty text' : JSON.stringify(value);
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return isRecord(value) ? 'a block of keys' : typeof value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
