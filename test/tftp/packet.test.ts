import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTftp, encodeTftp, type TftpPacket } from '../../src/tftp/packet.ts';

interface Row {
  readonly name: string;
  readonly hex: string;
  readonly value: TftpPacket;
  /** Shorter prefixes that are whole packets themselves, by length. */
  readonly prefixes?: Readonly<Record<number, TftpPacket>>;
}

const hexOf = (text: string): string => Buffer.from(text.replaceAll('|', '\0'), 'latin1').toString('hex');
const rrq = (path: string, mode: string, options: Readonly<Record<string, string>> = {}): TftpPacket => ({
  kind: 'rrq',
  path,
  mode,
  options: Object.entries(options).map(([name, value]) => ({ name, value })),
});
const shorterBlocks = (block: number, bytes: readonly number[]): Record<number, TftpPacket> =>
  Object.fromEntries(bytes.map((_, count) => [4 + count, { kind: 'data', block, bytes: Uint8Array.from(bytes.slice(0, count)) }]));

const rows: readonly Row[] = [
  {
    name: "the iPXE ROM's request (recorded)",
    hex: '0001707865677275622d6e65006f6374657400626c6b73697a650031343332007473697a65003000',
    value: rrq('pxegrub-ne', 'octet', { blksize: '1432', tsize: '0' }),
    prefixes: { 19: rrq('pxegrub-ne', 'octet'), 32: rrq('pxegrub-ne', 'octet', { blksize: '1432' }) },
  },
  {
    name: "GRUB Legacy's request for its menu (recorded)",
    hex: '00012f677275622f686f73742e636f6e66006f6374657400626c6b73697a650031343332007473697a65003000',
    value: rrq('/grub/host.conf', 'octet', { blksize: '1432', tsize: '0' }),
    prefixes: { 24: rrq('/grub/host.conf', 'octet'), 37: rrq('/grub/host.conf', 'octet', { blksize: '1432' }) },
  },
  {
    name: "GRUB 2's request for its first guess at a menu (recorded)",
    hex: '00012f677275622f677275622e6366672d3041303030323046006f6374657400626c6b73697a650031303234007473697a65003000',
    value: rrq('/grub/grub.cfg-0A00020F', 'octet', { blksize: '1024', tsize: '0' }),
    prefixes: { 32: rrq('/grub/grub.cfg-0A00020F', 'octet'), 45: rrq('/grub/grub.cfg-0A00020F', 'octet', { blksize: '1024' }) },
  },
  {
    name: "atftp's request with a window (recorded)",
    hex: '00012f626967006f63746574007473697a6500300074696d656f7574003300626c6b73697a6500313436380077696e646f7773697a6500313600',
    value: rrq('/big', 'octet', { tsize: '0', timeout: '3', blksize: '1468', windowsize: '16' }),
    prefixes: {
      13: rrq('/big', 'octet'),
      21: rrq('/big', 'octet', { tsize: '0' }),
      31: rrq('/big', 'octet', { tsize: '0', timeout: '3' }),
      44: rrq('/big', 'octet', { tsize: '0', timeout: '3', blksize: '1468' }),
    },
  },
  { name: "tftp-hpa's request as it is typed (recorded)", hex: '00016d656e75006e6574617363696900', value: rrq('menu', 'netascii') },
  {
    name: "curl's request (recorded)",
    hex: '00012f677275622f782e636f6e66006f63746574007473697a65003000626c6b73697a65003531320074696d656f7574003600',
    value: rrq('/grub/x.conf', 'octet', { tsize: '0', blksize: '512', timeout: '6' }),
    prefixes: {
      21: rrq('/grub/x.conf', 'octet'),
      29: rrq('/grub/x.conf', 'octet', { tsize: '0' }),
      41: rrq('/grub/x.conf', 'octet', { tsize: '0', blksize: '512' }),
    },
  },
  { name: 'a write request', hex: `0002${hexOf('a|octet|')}`, value: { kind: 'wrq', path: 'a', mode: 'octet', options: [] } },
  { name: 'ACK of block 1 (recorded)', hex: '00040001', value: { kind: 'ack', block: 1 } },
  { name: 'the last block number before roll-over', hex: '0004ffff', value: { kind: 'ack', block: 65_535 } },
  {
    name: 'DATA',
    hex: '0003004f010203',
    value: { kind: 'data', block: 79, bytes: Uint8Array.of(1, 2, 3) },
    prefixes: shorterBlocks(79, [1, 2, 3]),
  },
  { name: 'the empty DATA that ends a file of whole blocks', hex: '00030002', value: { kind: 'data', block: 2, bytes: new Uint8Array() } },
  {
    name: "dnsmasq's OACK (recorded)",
    hex: '0006626c6b73697a650031343332007473697a650031313231373000',
    value: {
      kind: 'oack',
      options: [
        { name: 'blksize', value: '1432' },
        { name: 'tsize', value: '112170' },
      ],
    },
    prefixes: { 2: { kind: 'oack', options: [] }, 15: { kind: 'oack', options: [{ name: 'blksize', value: '1432' }] } },
  },
  {
    name: 'ERROR 8 with which EDK2 ends a request that was only about the size',
    hex: `00050008${hexOf('User|')}`,
    value: { kind: 'error', code: 8, message: 'User' },
    prefixes: Object.fromEntries([0, 1, 2, 3, 4].map((count) => [4 + count, { kind: 'error', code: 8, message: 'User'.slice(0, count) }])),
  },
];

describe('the TFTP codec', () => {
  it.each(rows)('decodes $name', ({ hex, value }) => {
    expect(decodeTftp(Buffer.from(hex, 'hex'))).toEqual(value.kind === 'data' ? { ...value, bytes: Buffer.from(value.bytes) } : value);
  });

  it.each(rows)('encodes $name', ({ hex, value }) => {
    expect(Buffer.from(encodeTftp(value)).toString('hex')).toBe(hex);
  });

  it.each(rows)('takes no prefix of $name for a packet, but for those that are one', ({ hex, prefixes }) => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    const decoded: Record<number, TftpPacket> = {};
    const outcomes = new Set<string>();
    for (let length = 0; length < bytes.length; length++) {
      const prefix = bytes.slice(0, length);
      outcomes.add(wireOutcome(prefix));
      if (wireOutcome(prefix) === 'decoded') decoded[length] = decodeTftp(prefix);
    }
    expect(decoded).toEqual(prefixes ?? {});
    expect([...outcomes].every((outcome) => outcome === 'decoded' || outcome === 'WireError')).toBe(true);
  });

  it('throws nothing but WireError for changed bytes', () => {
    const recorded = fc.constantFrom(...rows.map(({ hex }) => Buffer.from(hex, 'hex')));
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(recorded, changes, fc.uint8Array({ maxLength: 12 }), (bytes, edits, tail) => {
        const changed = Uint8Array.from([...bytes, ...tail]);
        for (const [at, byte] of edits) changed[at % changed.length] = byte;
        expect(wireOutcome(changed)).toMatch(/^(decoded|WireError)$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('decodes again what it encoded, for any texts (RFC 1350 5)', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((value) => !value.includes('\0'));
    const option = fc.record({ name: text, value: text });
    fc.assert(
      fc.property(text, fc.array(option, { maxLength: 8 }), (path, options) => {
        const packet: TftpPacket = { kind: 'rrq', path, mode: 'octet', options };
        expect(decodeTftp(encodeTftp(packet))).toEqual(packet);
      }),
    );
  });

  it('accepts NUL bytes after the last option: boot ROMs pad', () => {
    expect(decodeTftp(Buffer.from(`0001${hexOf('a|octet|tsize|0|||||')}`, 'hex'))).toEqual(rrq('a', 'octet', { tsize: '0' }));
  });

  it.each([
    { name: 'opcode 0', hex: '0000', code: 'bad-opcode' },
    { name: 'opcode 7', hex: '00070000', code: 'bad-opcode' },
    { name: 'a file name that is not UTF-8', hex: `0001ff00${hexOf('octet|')}`, code: 'bad-text' },
    { name: 'an option without a value', hex: `0001${hexOf('a|octet|tsize|')}`, code: 'truncated' },
    { name: 'bytes after an ACK', hex: '0004000101', code: 'trailing' },
    { name: 'more than 32 options', hex: `0001${hexOf('a|octet|')}${hexOf('x|1|').repeat(33)}`, code: 'too-many' },
  ])('refuses $name', ({ hex, code }) => {
    expect(() => decodeTftp(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ name: 'WireError', code }));
  });

  it('never writes a text with a NUL in it', () => {
    expect(() => encodeTftp({ kind: 'error', code: 0, message: 'a\0b' })).toThrow(RangeError);
  });
});

function wireOutcome(bytes: Uint8Array): string {
  try {
    decodeTftp(bytes);
    return 'decoded';
  } catch (error) {
    return error instanceof Error ? error.name : 'something else';
  }
}
