import { networkInterfaces } from 'node:os';
import type { Config } from '../config.ts';
import { ConfigError } from '../documents/problems.ts';
import { readObjectsFile, type ObjectsFile } from '../machines/objects-file.ts';
import { parseDocument, type ConfiguredSubnet } from '../machines/objects.ts';
import { resolveSubnets } from '../machines/server-addresses.ts';
import type { Subnet } from '../model/subnet.ts';

/** What the file that the configuration names holds, checked; `undefined` where it names none. Throws ConfigError. */
export function objectsOfFile({ file, objectsFile }: Config): ObjectsFile | undefined {
  if (objectsFile === undefined) return undefined;
  const objects = readObjectsFile(objectsFile, { ifMissing: `objects in ${file} names it` });
  if (objects.problems.length > 0) throw new ConfigError(objects.problems);
  return objects;
}

/** The subnets of such a file with our own addresses on them. Throws ConfigError. */
export function servedSubnetsOf({ documents, placeOf }: ObjectsFile): readonly Subnet[] {
  const configured = documents
    .filter(({ kind }) => kind === 'Subnet')
    .map((document) => parseDocument('Subnet', document).object)
    .filter((subnet): subnet is ConfiguredSubnet => subnet !== undefined);
  return resolveSubnets(configured, networkInterfaces(), (name) => placeOf('Subnet', name, ''));
}
