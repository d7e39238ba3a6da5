import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { ManagerSettings } from '../../../src/manager/settings.ts';
import type { HostSpec } from './sim-host.ts';

/** A document as people write it: `kind`, `name` and the rest. */
export type Document = Readonly<Record<string, unknown>> & { readonly kind: string; readonly name: string };

export interface ClusterHost extends HostSpec {
  /** Whether it has a power control. */
  readonly power: boolean;
  /** Of its agent's clock, to the world's: 1.01 is one percent fast. */
  readonly clockRate: number;
}

/** `embedded`: the broker lives and dies with its manager; `external`: it is a machine of its own. */
export interface Cluster {
  readonly bus: 'embedded' | 'external';
  readonly managers: readonly string[];
  readonly hosts: readonly ClusterHost[];
  readonly images: readonly string[];
  readonly settings: Partial<ManagerSettings>;
  /** Machines that have no document get one. */
  readonly documents: readonly Document[];
}

const usualHost = { memoryMib: 4096, cpus: 4, bootSeconds: 20, createSeconds: 2, guestSeconds: 6, power: false, clockRate: 1 };

interface ClusterFile {
  readonly bus?: Cluster['bus'];
  readonly managers?: readonly string[];
  readonly hosts: Readonly<Record<string, Partial<Omit<ClusterHost, 'name'>> | null>>;
  readonly images?: readonly string[];
  readonly settings?: Partial<ManagerSettings>;
  readonly documents: readonly Document[];
}

export function readCluster(path: string): Cluster {
  return clusterOf(parse(readFileSync(path, 'utf8')) as ClusterFile);
}

export function clusterOf(file: ClusterFile): Cluster {
  const hosts = Object.entries(file.hosts).map(([name, spec]): ClusterHost => Object.assign({}, usualHost, spec, { name }));
  const named = new Set(file.documents.filter(({ kind }) => kind === 'Machine').map(({ name }) => name));
  const machines = hosts.map(({ name }, index) => machineDocument(name, index)).filter(({ name }) => !named.has(name));
  return {
    bus: file.bus ?? 'embedded',
    managers: file.managers ?? ['server1'],
    hosts,
    images: file.images ?? ['gateway@1', 'worker@1'],
    settings: file.settings ?? {},
    documents: [...machines, ...file.documents],
  };
}

function machineDocument(name: string, index: number): Document {
  return { kind: 'Machine', name, nics: [{ mac: `52:54:00:00:01:${(index + 1).toString(16).padStart(2, '0')}` }] };
}
