import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Ipv4 } from '../model/ipv4.ts';

/**
 * The IPv4 addresses that a socket can be bound to here, by the kernel's own table (/proc/net/fib_trie). Node's list leaves
 * out interfaces without a carrier: a cable that is pulled for a moment takes no address away.
 */
export function ownAddresses(): ReadonlySet<Ipv4> {
  try {
    return localAddresses(readFileSync('/proc/net/fib_trie', 'utf8'));
  } catch {
    const present = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
    return new Set(present.filter(({ family }) => family === 'IPv4').map(({ address }) => address));
  }
}

/** Of each leaf `|-- ADDRESS` the ones with a line `/32 host LOCAL` below it. */
export function localAddresses(table: string): ReadonlySet<Ipv4> {
  const found = new Set<Ipv4>();
  let leaf: Ipv4 | undefined;
  for (const line of table.split('\n')) {
    const [, address] = /\|-- ([\d.]+)$/.exec(line) ?? [];
    if (address !== undefined) leaf = address;
    else if (leaf !== undefined && /^\s*\/32 host LOCAL$/.test(line)) found.add(leaf);
  }
  return found;
}
