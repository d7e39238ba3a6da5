import { resolve } from 'node:path';
import type { SchemaNode } from '../documents/check-shape.ts';
import { isRecord } from '../documents/check-shape.ts';
import type { ConfigProblem } from '../documents/problems.ts';
import type { ValuePath } from '../documents/yaml-source.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable that overrides a setting: `stateDir` by VIRTDOM_STATE_DIR, `tftp.maxTransfers` by VIRTDOM_TFTP_MAX_TRANSFERS. */
export function variableName(path: readonly string[]): string {
  return ['VIRTDOM', ...path].map((step) => step.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_');
}

/** Every single value of a schema with its path, in the schema's order. */
export function settingsOf(
  schema: SchemaNode,
  path: readonly string[] = [],
): { readonly path: readonly string[]; readonly schema: SchemaNode }[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) =>
    child.properties === undefined ? [{ path: [...path, key], schema: child }] : settingsOf(child, [...path, key]),
  );
}

/**
 * Lays environment variables over a document, in a copy. An empty variable counts as not set.
 * `from` tells which variable a value came from, so that a wrong one is blamed on it.
 */
export function overlayEnvironment(
  schema: SchemaNode,
  document: unknown,
  environment: Environment,
): { readonly value: unknown; readonly from: (path: ValuePath) => string | undefined } {
  const value = structuredClone(document);
  const sources = new Map<string, string>();
  for (const { path, schema: node } of settingsOf(schema)) {
    const variable = variableName(path);
    const text = environment[variable];
    if (text === undefined || text === '' || !isRecord(value)) continue;
    if (!place(value, path, parsed(node, text))) continue;
    sources.set(path.join('.'), variable);
  }
  return { value, from: (path) => sources.get(path.join('.')) };
}

/** A problem that has no line, since it stands in no file. */
export function environmentProblem(variable: string, path: string, message: string): ConfigProblem {
  return { file: `environment variable ${variable}`, line: 0, column: 0, path, message };
}

function parsed({ type, isPath }: SchemaNode, text: string): string | number {
  if (isPath) return text.includes('://') ? text : resolve(text);
  return (type === 'integer' || type === 'number') && /^\d+$/.test(text) ? Number(text) : text;
}

/** False where something on the way is no block of keys: that is reported by itself. */
function place(target: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): boolean {
  if (rest.length === 0) {
    target[key] = value;
    return true;
  }
  const inner = (target[key] ??= {});
  return isRecord(inner) && place(inner, rest, value);
}
