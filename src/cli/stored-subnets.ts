import { networkInterfaces } from 'node:os';
import { parseDocument } from '../machines/objects.ts';
import { resolveSubnet } from '../machines/server-addresses.ts';
import type { Subnet } from '../model/subnet.ts';
import { openEngine } from '../store/open-engine.ts';
import { readObjects } from '../store/object-table.ts';

/**
 * The subnets that the database holds and this machine can serve, read beside whoever else has it. None where it cannot be
 * read, or is of an older virtdom: who opens it for good says why.
 */
export async function storedSubnets(database: string): Promise<readonly Subnet[]> {
  try {
    const engine = openEngine(database, 'read');
    try {
      const { objects } = await readObjects(engine.database);
      const interfaces = networkInterfaces();
      return objects.flatMap(({ kind, document }) => {
        const subnet = kind === 'Subnet' ? parseDocument(kind, document).object : undefined;
        const resolved = subnet === undefined ? undefined : resolveSubnet(subnet, interfaces);
        return resolved?.kind === 'served' ? resolved.subnet : [];
      });
    } finally {
      await engine.close();
    }
  } catch {
    return [];
  }
}
