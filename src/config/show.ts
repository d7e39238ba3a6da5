import { stringify } from 'yaml';
import type { Config } from '../config.ts';
import { cidrText } from '../machines/objects.ts';

/** The whole configuration as YAML that could be loaded again: the settings, then one document an object. */
export function showConfig(config: Config): string {
  const { file: _, objects, objectsFile, origins: _origins, ...settings } = config;
  const documents: readonly object[] = [
    { ...settings, objects: objectsFile },
    ...objects.subnets.map(({ cidr, pool, unknown, name, ...rest }) => ({
      kind: 'Subnet',
      name,
      cidr: cidrText(cidr),
      ...(pool !== undefined && { pool: `${pool.first}-${pool.last}` }),
      unknown: unknown.kind === 'profile' ? `profile:${unknown.profile}` : unknown.kind,
      ...rest,
    })),
    ...objects.profiles.map((profile) => Object.assign({ kind: 'Profile' }, profile)),
    ...objects.machines.map((machine) => Object.assign({ kind: 'Machine' }, machine)),
  ];
  return documents.map((document) => stringify(document, { aliasDuplicateObjects: false })).join('---\n');
}
