import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { WireError } from '../bytes/wire-error.ts';
import { optionCode } from './option-code.ts';

/** RFC 2131 2: a BOOTP packet with options. Addresses are numbers from 0 to 2^32-1. */
export interface DhcpPacket {
  readonly op: 'request' | 'reply';
  /** 1 is Ethernet. */
  readonly htype: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: number;
  readonly yiaddr: number;
  readonly siaddr: number;
  readonly giaddr: number;
  /** As long as hlen says. */
  readonly chaddr: Uint8Array;
  /** Up to the first NUL, one character a byte; empty where option 52 uses the field for options. */
  readonly sname: string;
  readonly file: string;
  /** Values by option number, parts of long ones joined (RFC 3396). */
  readonly options: DhcpOptions;
}

export type DhcpOptions = ReadonlyMap<number, Uint8Array>;

export const BROADCAST_FLAG = 0x8000;
const MAGIC_COOKIE = 0x6382_5363;
const CHADDR_BYTES = 16;
const SNAME_BYTES = 64;
const FILE_BYTES = 128;
/** Old BOOTP clients and relays drop anything shorter (RFC 1542 2.1). */
const MINIMUM_BYTES = 300;
const FIXED_BYTES = 240;
const LONGEST_OPTION = 255;

/** More than any client sends; beyond it, joining thousands of parts of one option would hold up everybody else. */
const LONGEST_PACKET = 4096;

/** Padding after END is allowed: real ROMs pad. Throws WireError. Option values are views of `bytes`. */
export function decodeDhcp(bytes: Uint8Array): DhcpPacket {
  if (bytes.length > LONGEST_PACKET) throw new WireError('too-long', LONGEST_PACKET, `${bytes.length} bytes are no DHCP packet`);
  const reader = new ByteReader(bytes);
  const op = reader.u8('op');
  if (op !== 1 && op !== 2) throw new WireError('bad-op', 0, `op is ${op}, not a request or reply`);
  const htype = reader.u8('htype');
  const hlen = reader.u8('hlen');
  if (hlen > CHADDR_BYTES) throw new WireError('bad-hlen', 2, `hlen is ${hlen}, more than chaddr has`);
  const hops = reader.u8('hops');
  const xid = reader.u32('xid');
  const secs = reader.u16('secs');
  const flags = reader.u16('flags');
  const ciaddr = reader.u32('ciaddr');
  const yiaddr = reader.u32('yiaddr');
  const siaddr = reader.u32('siaddr');
  const giaddr = reader.u32('giaddr');
  const chaddr = reader.bytes(CHADDR_BYTES, 'chaddr').subarray(0, hlen);
  const sname = reader.bytes(SNAME_BYTES, 'sname');
  const file = reader.bytes(FILE_BYTES, 'file');
  const cookie = reader.u32('the magic cookie');
  if (cookie !== MAGIC_COOKIE) throw new WireError('bad-magic', 236, 'no DHCP magic cookie');
  const options = new Map<number, Uint8Array>();
  readOptions(reader, options, true);
  const overload = options.get(optionCode.overload)?.[0] ?? 0;
  if ((overload & 1) !== 0) readOptions(new ByteReader(file), options, false);
  if ((overload & 2) !== 0) readOptions(new ByteReader(sname), options, false);
  options.delete(optionCode.overload);
  return {
    op: op === 1 ? 'request' : 'reply',
    htype,
    hops,
    xid,
    secs,
    flags,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname: (overload & 2) === 0 ? textField(sname) : '',
    file: (overload & 1) === 0 ? textField(file) : '',
    options,
  };
}

/** RFC 2132 2; `mustEnd` is false for the overloaded fields, which may be filled to their last byte. */
function readOptions(reader: ByteReader, into: Map<number, Uint8Array>, mustEnd: boolean): void {
  for (;;) {
    if (!mustEnd && reader.remaining === 0) return;
    const code = reader.u8('an option or END');
    if (code === optionCode.end) return;
    if (code === optionCode.pad) continue;
    const length = reader.u8('the length of an option');
    const value = reader.bytes(length, `option ${code}`);
    const before = into.get(code);
    into.set(code, before === undefined ? value : Buffer.concat([before, value]));
  }
}

function textField(field: Uint8Array): string {
  const end = field.indexOf(0);
  return end === 0 ? '' : Buffer.from(field.buffer, field.byteOffset, end < 0 ? field.length : end).toString('latin1');
}

/**
 * Writes into `target` where one is given (RangeError when it is too small) and returns the bytes written. Order is fixed: the
 * message type first, then by number, option 82 last (RFC 3046 2.2). `sname` and `file` are never used for options.
 */
export function encodeDhcp(packet: DhcpPacket, target?: Uint8Array): Uint8Array {
  const writer = new ByteWriter(target ?? 576);
  writer
    .u8(packet.op === 'request' ? 1 : 2)
    .u8(packet.htype)
    .u8(packet.chaddr.length)
    .u8(packet.hops);
  writer.u32(packet.xid).u16(packet.secs).u16(packet.flags);
  writer.u32(packet.ciaddr).u32(packet.yiaddr).u32(packet.siaddr).u32(packet.giaddr);
  writer.bytes(packet.chaddr).zeros(CHADDR_BYTES - packet.chaddr.length);
  writeText(writer, packet.sname, SNAME_BYTES);
  writeText(writer, packet.file, FILE_BYTES);
  writer.u32(MAGIC_COOKIE);
  for (const code of orderedCodes(packet.options)) writeOption(writer, code, packet.options.get(code) ?? new Uint8Array(0));
  writer.u8(optionCode.end);
  if (writer.length < MINIMUM_BYTES) writer.zeros(MINIMUM_BYTES - writer.length);
  return writer.finish();
}

/** How many bytes `encodeDhcp` will write. */
export function encodedLength(options: DhcpOptions): number {
  let length = FIXED_BYTES + 1;
  for (const value of options.values()) length += value.length + 2 * Math.max(1, Math.ceil(value.length / LONGEST_OPTION));
  return Math.max(MINIMUM_BYTES, length);
}

/** Whether the text fits its field with the NUL that clients expect at its end. */
export function fitsFileField(text: string): boolean {
  return text.length < FILE_BYTES;
}

function orderedCodes(options: DhcpOptions): readonly number[] {
  return [...options.keys()].sort((one, other) => rank(one) - rank(other));
}

function rank(code: number): number {
  if (code === optionCode.messageType) return -1;
  return code === optionCode.relayAgent ? 256 : code;
}

function writeOption(writer: ByteWriter, code: number, value: Uint8Array): void {
  if (value.length <= LONGEST_OPTION) {
    writer.u8(code).u8(value.length).bytes(value);
    return;
  }
  for (let start = 0; start < value.length; start += LONGEST_OPTION)
    writeOption(writer, code, value.subarray(start, start + LONGEST_OPTION));
}

function writeText(writer: ByteWriter, text: string, length: number): void {
  if (text.length >= length) throw new RangeError(`"${text}" does not fit into ${length} bytes with its NUL`);
  if (text !== '') writer.bytes(Buffer.from(text, 'latin1'));
  writer.zeros(length - text.length);
}
