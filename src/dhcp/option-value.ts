import { WireError } from '../bytes/wire-error.ts';
import { ipv4Number, type Ipv4 } from '../model/ipv4.ts';
import type { DhcpOptions } from './packet.ts';

/** Reading and writing of option values. Readers return `undefined` for an option that is not there and throw WireError for a wrong length. */

export function readAddress(options: DhcpOptions, code: number): number | undefined {
  const value = sized(options, code, 4);
  return value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, 4).readUInt32BE();
}

export function readU8(options: DhcpOptions, code: number): number | undefined {
  return sized(options, code, 1)?.[0];
}

export function readU16(options: DhcpOptions, code: number): number | undefined {
  const value = sized(options, code, 2);
  return value === undefined ? undefined : ((value[0] ?? 0) << 8) | (value[1] ?? 0);
}

/** One character a byte; trailing NULs, which some clients count in, are left out. */
export function readText(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  let end = value.length;
  while (end > 0 && value[end - 1] === 0) end--;
  return Buffer.from(value.buffer, value.byteOffset, end).toString('latin1');
}

export function sized(options: DhcpOptions, code: number, length: number): Uint8Array | undefined {
  const value = options.get(code);
  if (value !== undefined && value.length !== length) {
    throw new WireError('bad-option-length', 0, `option ${code} has ${value.length} bytes, not ${length}`);
  }
  return value;
}

export function u8Value(number: number): Uint8Array {
  return Uint8Array.of(number);
}

export function u32Value(number: number): Uint8Array {
  return Uint8Array.of(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255);
}

export function addressesValue(addresses: readonly Ipv4[]): Uint8Array {
  const bytes = new Uint8Array(addresses.length * 4);
  addresses.forEach((address, index) => bytes.set(u32Value(ipv4Number(address)), index * 4));
  return bytes;
}

export function textValue(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
