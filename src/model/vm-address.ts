import { broadcastAddress, formatIpv4, netmask, parseIpv4 } from './ipv4.ts';
import type { Cidr, Ipv4 } from './ipv4.ts';

/** What a VM's network card is told about its address. A single address is a range of one. */
export type VmAddress =
  | { readonly kind: 'dhcp' | 'none' }
  | { readonly kind: 'range'; readonly first: number; readonly last: number; readonly network: Cidr };

/** `dhcp`, `none`, `10.12.0.1/24` or `10.12.0.10-10.12.0.99/24`; `undefined` for anything else, ends of the network included. */
export function parseVmAddress(text: string): VmAddress | undefined {
  if (text === 'dhcp' || text === 'none') return { kind: text };
  const [, from = '', to = from, length] = /^([\d.]+)(?:-([\d.]+))?\/(\d{1,2})$/.exec(text) ?? [];
  const first = parseIpv4(from);
  const last = parseIpv4(to);
  const prefixLength = Number(length);
  if (first === undefined || last === undefined || first > last || prefixLength > 30 || prefixLength < 1) return undefined;
  const network = { network: (first & netmask(prefixLength)) >>> 0, prefixLength };
  if (first === network.network || last >= broadcastAddress(network)) return undefined;
  return { kind: 'range', first, last, network };
}

/** How many VMs can have one; without end where somebody else gives them. */
export function addressCount(address: VmAddress): number {
  return address.kind === 'range' ? address.last - address.first + 1 : Infinity;
}

/** The addresses of a range in order, each with its prefix: `10.12.0.10/24`. */
export function* addressesOf(address: VmAddress): Generator<`${Ipv4}/${number}`> {
  if (address.kind !== 'range') return;
  for (let number = address.first; number <= address.last; number++) yield `${formatIpv4(number)}/${address.network.prefixLength}`;
}
