import type { ASTNode } from '@marcbachmann/cel-js';
import { loops } from './expression-functions.ts';

/** `['agents', '[]', 'properties', 'load']`: `[]` stands for each element, `*` for a key that is only known later. */
export type ReadPath = readonly string[];

type Source = { readonly path: ReadPath } | { readonly each: Source } | undefined;
type Variables = ReadonlyMap<string, Source>;

/** Which parts of its context an expression reads, each once, shorter ones left out where a longer one goes on. */
export function readsOf(root: ASTNode): ReadPath[] {
  const found = new Map<string, ReadPath>();
  const use = (node: ASTNode, variables: Variables): void => record(sourceOf(node, variables));
  const record = (source: Source): void => {
    if (source === undefined) return;
    if ('each' in source) record(source.each);
    else if (source.path.length > 0) found.set(source.path.join('\0'), source.path);
  };

  const sourceOf = (node: ASTNode, variables: Variables): Source => {
    if (node.op === 'id') return variables.has(node.args) ? variables.get(node.args) : { path: [node.args] };
    if (node.op === '.') return fieldOf(sourceOf(node.args[0], variables), node.args[1]);
    if (node.op === 'rcall') return sourceOfCall(node, variables);
    if (node.op === '[]') {
      const [of, key] = node.args;
      use(key, variables);
      const source = sourceOf(of, variables);
      if (key.op !== 'value') return fieldOf(source, '*');
      return typeof key.args === 'string' ? fieldOf(source, key.args) : elementOf(source);
    }
    for (const each of operandsOf(node)) use(each, variables);
    return undefined;
  };

  const sourceOfCall = (node: Extract<ASTNode, { op: 'rcall' }>, variables: Variables): Source => {
    const [name, receiver, args] = node.args;
    const source = sourceOf(receiver, variables);
    if (!loops.has(name)) {
      record(source);
      for (const argument of args) use(argument, variables);
      return undefined;
    }
    const [variable, ...bodies] = args;
    const within = new Map(variables);
    if (variable?.op === 'id') within.set(variable.args, elementOf(source));
    record(source);
    if (name !== 'map') for (const body of bodies) use(body, within);
    if (name === 'filter') return source;
    if (name !== 'map') return undefined;
    for (const body of bodies.slice(0, -1)) use(body, within);
    const last = bodies.at(-1);
    return last === undefined ? undefined : { each: sourceOf(last, within) };
  };

  use(root, new Map());
  const paths = [...found.values()];
  return paths.filter((path) => !paths.some((other) => other.length > path.length && path.every((step, index) => other[index] === step)));
}

/** `agents[].properties.load` */
export function pathText(path: ReadPath): string {
  return path.map((step, index) => (step === '[]' || index === 0 ? step : `.${step}`)).join('');
}

/** The children of a node that are evaluated as they stand. */
export function operandsOf(node: ASTNode): readonly ASTNode[] {
  if (node.op === 'value' || node.op === 'id') return [];
  if (node.op === '.' || node.op === '.?') return [node.args[0]];
  if (node.op === 'call') return node.args[1];
  if (node.op === 'rcall') return [node.args[1], ...node.args[2]];
  if (node.op === 'map') return node.args.flat();
  if (node.op === '!_' || node.op === '-_') return [node.args];
  return node.args;
}

function fieldOf(source: Source, name: string): Source {
  if (source === undefined) return undefined;
  return 'each' in source ? source.each : { path: [...source.path, name] };
}

function elementOf(source: Source): Source {
  if (source === undefined) return undefined;
  return 'each' in source ? source.each : { path: [...source.path, '[]'] };
}

/** Names of the agents' properties among what is read; `*` where it can be any. */
export function propertiesRead(reads: readonly ReadPath[]): Set<string> {
  return new Set(
    reads.flatMap((path) => {
      const at = path.indexOf('properties');
      const isOfAgent = at >= 0 && (path[0] === 'agent' || path[0] === 'agents' || path[0] === 'groups');
      if (isOfAgent) return [path[at + 1] ?? '*'];
      return path.length === 1 && (path[0] === 'agent' || path[0] === 'groups') ? ['*'] : [];
    }),
  );
}
