import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { LogLevel } from './log.ts';
import type { BootProfile } from './model/boot-profile.ts';
import type { Machine } from './model/machine.ts';
import { checkShape, withDefaults } from './documents/check-shape.ts';
import type { SchemaNode } from './documents/check-shape.ts';
import { checkPorts } from './config/port-checks.ts';
import { crossCheck } from './machines/cross-checks.ts';
import { environmentProblem, overlayEnvironment } from './config/environment.ts';
import type { Environment } from './config/environment.ts';
import { pathText, readObjects, reporter } from './machines/objects.ts';
import type { ConfiguredSubnet, LabObjects } from './machines/objects.ts';
import { processSchema } from './config/process-schema.ts';
import type { ProcessSettings } from './config/process-schema.ts';
import { ConfigError } from './documents/problems.ts';
import type { ConfigProblem, SourcePosition } from './documents/problems.ts';
import { readYamlFile } from './documents/yaml-source.ts';
import type { ValuePath, YamlDocument } from './documents/yaml-source.ts';

export { ConfigError } from './documents/problems.ts';
export { resolveSubnets } from './machines/server-addresses.ts';

/** virtdom.yaml and the environment, checked. All paths are absolute; the whole is frozen. */
export interface Settings {
  /** virtdom.yaml itself. */
  readonly file: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly user?: string;
  readonly logLevel: LogLevel;
  readonly templatesDir: string;
  readonly dhcp: { readonly port: number };
  readonly tftp: { readonly port: number; readonly maxBlockBytes: number; readonly maxTransfers: number };
  readonly http: { readonly port: number };
  readonly nfs: {
    readonly port: number;
    readonly mountPort: number;
    readonly portmap: 'own' | 'register' | 'off';
    readonly workers: number;
  };
  /** The SQLite file. */
  readonly database: string;
  readonly objectsFile: string;
}

/** The settings with the objects of the file that they name. */
export interface Config extends Settings {
  /** Subnets may still lack our own address: `resolveSubnets` finds it. */
  readonly objects: {
    readonly subnets: readonly ConfiguredSubnet[];
    readonly profiles: readonly BootProfile[];
    readonly machines: readonly Machine[];
  };
  /** Where each object stands, by `Kind/name`, for messages about it. */
  readonly origins: Readonly<Record<string, SourcePosition>>;
}

const shippedTemplates = resolve(import.meta.dirname, '../templates');

/**
 * Reads virtdom.yaml, the object file that it names and VIRTDOM_* overrides.
 * Throws ConfigError with everything that is wrong in all of them.
 */
export function loadConfig(file: string, environment: Environment = process.env): Config {
  const path = resolve(file);
  const problems: ConfigProblem[] = [];
  const values = readSettings(path, environment, problems);
  // A wrong virtdom.yaml may still name its objects: their problems belong to the same list.
  const objects = typeof values?.objects === 'string' ? readLab(resolve(dirname(path), values.objects), path, problems) : undefined;
  if (problems.length > 0 || values === undefined || objects === undefined) throw new ConfigError(problems);
  return deepFreeze({
    ...settingsFrom(path, values),
    objects: {
      subnets: objects.subnets.map(({ value }) => value),
      profiles: objects.profiles.map(({ value }) => value),
      machines: objects.machines.map(({ value }) => value),
    },
    origins: originsOf(objects),
  });
}

/** Likewise without the objects, for commands that need only paths. */
export function loadSettings(file: string, environment: Environment = process.env): Settings {
  const path = resolve(file);
  const problems: ConfigProblem[] = [];
  const values = readSettings(path, environment, problems);
  if (problems.length > 0 || values === undefined) throw new ConfigError(problems);
  return deepFreeze(settingsFrom(path, values));
}

function settingsFrom(file: string, values: ProcessSettings): Settings {
  const fromHere = (name: string): string => resolve(dirname(file), name);
  const { database, templatesDir, objects, nfs, ...rest } = values;
  const stateDir = fromHere(values.stateDir);
  return {
    ...rest,
    file,
    stateDir,
    runtimeDir: fromHere(values.runtimeDir),
    templatesDir: templatesDir === undefined ? shippedTemplates : fromHere(templatesDir),
    database: database === undefined ? resolve(stateDir, 'virtdom.db') : fromHere(database),
    objectsFile: fromHere(objects),
    nfs: { ...nfs, workers: nfs.workers ?? Math.min(availableParallelism(), 64) },
  };
}

/** The values as they are, wrong ones included; `undefined` where there is nothing to read. */
function readSettings(file: string, environment: Environment, problems: ConfigProblem[]): ProcessSettings | undefined {
  const source = readYamlFile(file, 'name it with --config; docs/examples has one to start from');
  problems.push(...source.problems);
  if (source.problems.length > 0) return undefined;
  const [document = emptyDocument(file), second] = source.documents;
  const report = reporter(problems);
  if (second !== undefined)
    report(second, [], `expected a single document; subnets, profiles and machines belong into the file that objects names`);
  const { value: overlaid, from } = overlayEnvironment(processSchema as SchemaNode, document.value, environment);
  const value = withDefaults(processSchema, overlaid);
  const blame = (path: ValuePath, message: string, at: 'value' | 'key' = 'value'): void => {
    const variable = from(path);
    if (variable === undefined) report(document, path, message, at);
    else problems.push(environmentProblem(variable, pathText(path), message));
  };
  const wrong = checkShape(processSchema, value);
  for (const { path, message, at } of wrong) blame(path, message, at);
  if (wrong.length === 0) checkPorts(value as ProcessSettings, blame);
  return value as ProcessSettings;
}

function readLab(file: string, namedBy: string, problems: ConfigProblem[]): LabObjects {
  const source = readYamlFile(file, `objects in ${namedBy} names it`);
  problems.push(...source.problems);
  const report = reporter(problems);
  const objects = readObjects(source, report);
  // After a syntax error the objects behind it are missing, and references to them would be blamed for nothing.
  if (source.problems.length === 0) crossCheck(objects, report);
  return objects;
}

function originsOf({ subnets, profiles, machines }: LabObjects): Record<string, SourcePosition> {
  const kinds = [
    ['Subnet', subnets],
    ['Profile', profiles],
    ['Machine', machines],
  ] as const;
  return Object.fromEntries(
    kinds.flatMap(([kind, placed]) => placed.map(({ value, document }) => [`${kind}/${value.name}`, document.positionOf([])] as const)),
  );
}

/** An empty virtdom.yaml is one that leaves everything at its default. */
function emptyDocument(file: string): YamlDocument {
  const start = { file, line: 1, column: 1 };
  return { value: {}, positionOf: () => start, keyPosition: () => start };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const each of Object.values(value)) deepFreeze(each);
    Object.freeze(value);
  }
  return value;
}
