/** An IPv4 address as dotted text. */
export type Ipv4 = string;

/** The address as a number from 0 to 2^32-1, or `undefined` where the text is not four decimal octets. */
export function parseIpv4(text: string): number | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** For text that was checked before; throws RangeError where it was not. */
export function ipv4Number(address: Ipv4): number {
  const number = parseIpv4(address);
  if (number === undefined) throw new RangeError(`not an IPv4 address: ${address}`);
  return number;
}

export function formatIpv4(number: number): Ipv4 {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}

export interface Cidr {
  /** The network's own address, host bits zero. */
  readonly network: number;
  readonly prefixLength: number;
}

/** `192.168.0.0/24`; `undefined` for anything else, host bits that are not zero included. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address, length] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const network = address === undefined ? undefined : parseIpv4(address);
  const prefixLength = Number(length);
  if (network === undefined || prefixLength > 32) return undefined;
  return (network & netmask(prefixLength)) >>> 0 === network ? { network, prefixLength } : undefined;
}

export function netmask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0;
}

export function cidrContains(cidr: Cidr, address: number): boolean {
  return (address & netmask(cidr.prefixLength)) >>> 0 === cidr.network;
}

export function broadcastAddress(cidr: Cidr): number {
  return (cidr.network | ~netmask(cidr.prefixLength)) >>> 0;
}
