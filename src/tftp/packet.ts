import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { WireError } from '../bytes/wire-error.ts';

// TFTP: RFC 1350, options RFC 2347 to 2349 and RFC 7440.

/** A name as the sender spelled it, and its value. */
export interface TftpOption {
  readonly name: string;
  readonly value: string;
}

export type TftpPacket =
  | { readonly kind: 'rrq' | 'wrq'; readonly path: string; readonly mode: string; readonly options: readonly TftpOption[] }
  | { readonly kind: 'data'; readonly block: number; readonly bytes: Uint8Array }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'oack'; readonly options: readonly TftpOption[] };

export type TftpRequest = Extract<TftpPacket, { kind: 'rrq' | 'wrq' }>;

const opcode = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** RFC 1350 appendix, RFC 2347 for the last. */
export const errorCode = {
  undefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransfer: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionRefused: 8,
} as const;

export const dataHeaderBytes = 4;

/** Reads one datagram; throws {@link WireError}. NUL bytes after the last option are accepted: boot ROMs pad their requests. */
export function decodeTftp(datagram: Uint8Array): TftpPacket {
  const reader = new ByteReader(datagram);
  const op = reader.u16('the opcode');
  switch (op) {
    case opcode.rrq:
    case opcode.wrq: {
      const path = readText(reader, 'the file name');
      const mode = readText(reader, 'the mode');
      return { kind: op === opcode.rrq ? 'rrq' : 'wrq', path, mode, options: readOptions(reader) };
    }
    case opcode.data:
      return { kind: 'data', block: reader.u16('the block number'), bytes: reader.rest() };
    case opcode.ack: {
      const block = reader.u16('the block number');
      skipPadding(reader, 'an ACK');
      return { kind: 'ack', block };
    }
    case opcode.error: {
      const code = reader.u16('the error code');
      return { kind: 'error', code, message: readErrorMessage(reader) };
    }
    case opcode.oack:
      return { kind: 'oack', options: readOptions(reader) };
    default:
      throw new WireError('bad-opcode', 0, `opcode ${op} is none of 1 to 6`);
  }
}

/** Text with a NUL in it would end too early on the other side: RangeError. */
export function encodeTftp(packet: TftpPacket): Uint8Array {
  const writer = new ByteWriter(64).u16(opcode[packet.kind]);
  switch (packet.kind) {
    case 'rrq':
    case 'wrq':
      writeText(writer, packet.path);
      writeText(writer, packet.mode);
      writeOptions(writer, packet.options);
      break;
    case 'data':
      writer.u16(packet.block).bytes(packet.bytes);
      break;
    case 'ack':
      writer.u16(packet.block);
      break;
    case 'error':
      writeText(writer.u16(packet.code), packet.message);
      break;
    case 'oack':
      writeOptions(writer, packet.options);
  }
  return writer.finish();
}

/** Writes the four bytes that stand before a block's bytes; `block` is counted from 1 and rolls over from 65535 to 0. */
export function writeDataHeader(into: Uint8Array, at: number, block: number): void {
  into[at] = 0;
  into[at + 1] = opcode.data;
  into[at + 2] = (block >>> 8) & 0xff;
  into[at + 3] = block & 0xff;
}

function readOptions(reader: ByteReader): TftpOption[] {
  const options: TftpOption[] = [];
  while (reader.remaining > 0) {
    const at = reader.offset;
    const name = readText(reader, 'an option name');
    if (name === '') {
      skipPadding(reader, 'the options');
      break;
    }
    if (options.length === 32) throw new WireError('too-many', at, 'more than 32 options');
    options.push({ name, value: readText(reader, `the value of option ${JSON.stringify(name)}`) });
  }
  return options;
}

function skipPadding(reader: ByteReader, what: string): void {
  const at = reader.offset;
  if (reader.rest().some((byte) => byte !== 0)) throw new WireError('trailing', at, `bytes other than NUL after ${what}`);
}

/** Some clients leave out the NUL after the message, curl among them where it has none. */
function readErrorMessage(reader: ByteReader): string {
  const bytes = reader.rest();
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readText(reader: ByteReader, what: string): string {
  const at = reader.offset;
  const bytes: number[] = [];
  for (let byte = reader.u8(what); byte !== 0; byte = reader.u8(what)) bytes.push(byte);
  try {
    return strictText.decode(Uint8Array.from(bytes));
  } catch {
    throw new WireError('bad-text', at, `${what} is not UTF-8`);
  }
}

function writeText(writer: ByteWriter, text: string): void {
  if (text.includes('\0')) throw new RangeError('a NUL inside of a TFTP text');
  writer.bytes(Buffer.from(text, 'utf8')).u8(0);
}

function writeOptions(writer: ByteWriter, options: readonly TftpOption[]): void {
  for (const option of options) {
    writeText(writer, option.name);
    writeText(writer, option.value);
  }
}
