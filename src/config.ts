import { existsSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { LogLevel } from './log.ts';
import { checkShape, withDefaults } from './documents/check-shape.ts';
import type { SchemaNode } from './documents/check-shape.ts';
import { environmentProblem, overlayEnvironment } from './config/environment.ts';
import type { Environment } from './config/environment.ts';
import { checkAdminListener, checkBus, checkPorts } from './config/port-checks.ts';
import { processSchema } from './config/process-schema.ts';
import type { ProcessSettings } from './config/process-schema.ts';
import { ConfigError } from './documents/problems.ts';
import type { ConfigProblem } from './documents/problems.ts';
import { pathText, reporter } from './documents/report.ts';
import { readYamlFile } from './documents/yaml-source.ts';
import type { ValuePath, YamlDocument } from './documents/yaml-source.ts';
import type { Ipv4 } from './model/ipv4.ts';

export { ConfigError } from './documents/problems.ts';

/** virtdom.yaml and the environment, checked. All paths are absolute; the whole is frozen. */
export interface Config {
  /** virtdom.yaml itself. */
  readonly file: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly serverName: string;
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
  readonly api: { readonly port?: number; readonly address: Ipv4; readonly certificate?: string; readonly key?: string };
  readonly manager: { readonly run: 'inside' | 'apart' | 'off' };
  readonly bus: BusSettings;
  readonly keep: {
    readonly attemptDays: number;
    readonly commandDays: number;
    readonly eventDays: number;
    readonly auditDays: number;
  };
  /** An SQLite file or a postgres URL. */
  readonly database: string;
  /** What an empty database begins with. */
  readonly objectsFile?: string;
}

export interface BusSettings {
  /** A broker that is not ours. */
  readonly url?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly port: number;
  readonly address: Ipv4;
  readonly agents: { readonly url?: string; readonly username?: string; readonly passwordFile?: string };
}

const shippedTemplates = resolve(import.meta.dirname, '../templates');

/** Reads virtdom.yaml and VIRTDOM_* overrides. Throws ConfigError with everything that is wrong in them. */
export function loadConfig(file: string, environment: Environment = process.env): Config {
  const path = resolve(file);
  const problems: ConfigProblem[] = [];
  const values = readSettings(path, environment, problems);
  if (problems.length > 0 || values === undefined) throw new ConfigError(problems);
  return deepFreeze(configFrom(path, values));
}

function configFrom(file: string, values: ProcessSettings): Config {
  const fromHere = (name: string): string => resolve(dirname(file), name);
  const { database, templatesDir, objects, nfs, api, bus, ...rest } = values;
  const stateDir = fromHere(values.stateDir);
  const objectsFile = objects === undefined ? existing(fromHere('lab.yaml')) : fromHere(objects);
  return {
    ...rest,
    file,
    stateDir,
    runtimeDir: fromHere(values.runtimeDir),
    serverName: values.serverName ?? hostname().toLowerCase(),
    templatesDir: templatesDir === undefined ? shippedTemplates : fromHere(templatesDir),
    database: database === undefined ? resolve(stateDir, 'virtdom.db') : database.includes('://') ? database : fromHere(database),
    ...(objectsFile !== undefined && { objectsFile }),
    nfs: { ...nfs, workers: nfs.workers ?? Math.min(availableParallelism(), 64) },
    bus: {
      ...bus,
      ...(bus.passwordFile !== undefined && { passwordFile: fromHere(bus.passwordFile) }),
      ...(bus.ca !== undefined && { ca: fromHere(bus.ca) }),
      agents: { ...bus.agents, ...(bus.agents.passwordFile !== undefined && { passwordFile: fromHere(bus.agents.passwordFile) }) },
    },
    api: {
      ...api,
      ...(api.certificate !== undefined && { certificate: fromHere(api.certificate) }),
      ...(api.key !== undefined && { key: fromHere(api.key) }),
    },
  };
}

function existing(file: string): string | undefined {
  return existsSync(file) ? file : undefined;
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
  if (wrong.length === 0) {
    checkPorts(value as ProcessSettings, blame);
    checkAdminListener(value as ProcessSettings, blame);
    checkBus(value as ProcessSettings, blame);
  }
  return value as ProcessSettings;
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
