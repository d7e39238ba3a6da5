import { Environment } from '@marcbachmann/cel-js';
import { signatures } from './expression-functions.ts';

/** What a variable holds. A field that is not always there is named all the same: `has()` asks for it. */
export type Shape =
  | 'string'
  | 'number'
  | 'bool'
  | 'any'
  | { readonly list: Shape }
  | { readonly map: Shape }
  /** `name` is what messages call it: `Agent`. One name stands for one set of fields. */
  | { readonly name: string; readonly fields: Readonly<Record<string, Shape>> };

/** Which variables an expression may use. */
export type Kinds = Readonly<Record<string, Shape>>;

export const limits = { letters: 2048, nodes: 256, depth: 32, listElements: 64, callArguments: 4 } as const;

const environments = new WeakMap<Kinds, Environment>();

/** The types of `kinds` as the library's checker knows them; made once for each `kinds`. */
export function environmentOf(kinds: Kinds): Environment {
  const known = environments.get(kinds);
  if (known !== undefined) return known;
  const environment = new Environment({
    homogeneousAggregateLiterals: false, // [1, 2.5]: to JSON both are numbers
    limits: {
      maxAstNodes: limits.nodes,
      maxDepth: limits.depth,
      maxListElements: limits.listElements,
      maxMapEntries: 0,
      maxCallArguments: limits.callArguments,
    },
  });
  mixNumbers(environment);
  for (const signature of signatures) environment.registerFunction(signature, neverRun);
  const named = new Set<string>();
  for (const [name, shape] of Object.entries(kinds)) environment.registerVariable(name, typeOf(shape, environment, named));
  environments.set(kinds, environment);
  return environment;
}

/** JSON does not tell whole numbers from others: CEL's `int` and `double` go together here. */
function mixNumbers(environment: Environment): void {
  for (const operator of ['+', '-', '*', '/', '%']) {
    environment.registerOperator(`int ${operator} double`, neverRun);
    environment.registerOperator(`double ${operator} int`, neverRun);
  }
  environment.registerOperator('double % double', neverRun);
  environment.registerOperator('int == double', neverRun);
  environment.registerOperator('int in list<double>', neverRun);
  environment.registerOperator('double in list<int>', neverRun);
}

function typeOf(shape: Shape, environment: Environment, named: Set<string>): string {
  if (shape === 'number') return 'double';
  if (shape === 'any') return 'dyn';
  if (typeof shape === 'string') return shape;
  if ('list' in shape) return `list<${typeOf(shape.list, environment, named)}>`;
  if ('map' in shape) return `map<string, ${typeOf(shape.map, environment, named)}>`;
  if (!named.has(shape.name)) {
    named.add(shape.name);
    const fields = Object.entries(shape.fields).map(([name, field]) => [name, typeOf(field, environment, named)] as const);
    environment.registerType(shape.name, { fields: Object.fromEntries(fields) });
  }
  return shape.name;
}

/** All words that `kinds` gives a meaning, for "did you mean". */
export function wordsOf(kinds: Kinds): Set<string> {
  const words = new Set<string>();
  const add = (shape: Shape): void => {
    if (typeof shape === 'string') return;
    if ('list' in shape) add(shape.list);
    else if ('map' in shape) add(shape.map);
    else
      for (const [name, field] of Object.entries(shape.fields)) {
        words.add(name);
        add(field);
      }
  };
  for (const [name, shape] of Object.entries(kinds)) {
    words.add(name);
    add(shape);
  }
  return words;
}

function neverRun(): never {
  throw new Error('the checker evaluates nothing');
}
