import { readFileSync } from 'node:fs';
import type { Ipv4 } from '../model/ipv4.ts';
import { parseMac, type Mac } from '../model/mac.ts';

const COMPLETE = 0x2;
/** Asked for every file that a client wants, and the table has a thousand lines on a large farm. */
const FRESH_MS = 50;

/** Who answered on the directly attached subnets. */
export interface NeighbourTable {
  neighbourMac(address: Ipv4): Mac | undefined;
  /** All resolved entries at this moment. */
  neighbours(): ReadonlyMap<Ipv4, Mac>;
}

/** Reads the kernel's table, which is the process's network namespace's own. Entries without an answer are left out. */
export function kernelNeighbours(file = '/proc/net/arp'): NeighbourTable {
  const neighbours = (): ReadonlyMap<Ipv4, Mac> => parseNeighbours(readFileSync(file, 'latin1'));
  let known: { readonly atMs: number; readonly table: ReadonlyMap<Ipv4, Mac> } | undefined;
  return {
    neighbours,
    neighbourMac(address) {
      const nowMs = performance.now();
      if (known === undefined || nowMs - known.atMs > FRESH_MS) known = { atMs: nowMs, table: neighbours() };
      return known.table.get(address);
    },
  };
}

export function parseNeighbours(text: string): ReadonlyMap<Ipv4, Mac> {
  const found = new Map<Ipv4, Mac>();
  for (const line of text.split('\n').slice(1)) {
    const [address, , flags, hardware] = line.split(/\s+/);
    const mac = parseMac(hardware ?? '');
    if (address !== undefined && mac !== undefined && (Number(flags) & COMPLETE) !== 0) found.set(address, mac);
  }
  return found;
}
