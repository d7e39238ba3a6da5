import type { ByteReader } from '../bytes/byte-reader.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { WireError } from '../bytes/wire-error.ts';

/** XDR (RFC 4506): everything in units of 4 bytes, big-endian. Numbers are the reader's and writer's own u32 and u64. */

/** Bytes that follow `length` bytes up to the next multiple of 4. */
export function padding(length: number): number {
  return -length & 3;
}

/** Variable-length opaque data (4.10), as a view of the record. Pad bytes are not looked at: some clients send rubbish. */
export function readOpaque(reader: ByteReader, maxLength: number, what: string): Uint8Array {
  const start = reader.offset;
  const length = reader.u32(what);
  if (length > maxLength) throw new WireError('too-long', start, `${what} has ${length} bytes, at most ${maxLength} are allowed`);
  const bytes = reader.bytes(length, what);
  reader.skip(padding(length), what);
  return bytes;
}

/** A string (4.11) whose meaning is text. */
export function readText(reader: ByteReader, maxLength: number, what: string): string {
  return Buffer.from(readOpaque(reader, maxLength, what)).toString('utf8');
}

export function writeOpaque(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u32(bytes.length).bytes(bytes).zeros(padding(bytes.length));
}

export function writeText(writer: ByteWriter, text: string): void {
  writeOpaque(writer, Buffer.from(text));
}

export function writeBoolean(writer: ByteWriter, value: boolean): void {
  writer.u32(value ? 1 : 0);
}

/** A number beyond 32 bits without the cost of a bigint: exact below 2^53. */
export function writeHyper(writer: ByteWriter, value: number): void {
  writer.u32(Math.floor(value / 0x1_0000_0000)).u32(value % 0x1_0000_0000);
}

/** A number beyond 32 bits; what is above 2^53 comes out rounded, and is past the end of any file either way. */
export function readHyper(reader: ByteReader, what: string): number {
  return reader.u32(what) * 0x1_0000_0000 + reader.u32(what);
}
