import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { WireError } from '../../src/bytes/wire-error.ts';

describe('ByteReader', () => {
  it('reads big-endian numbers and views in order', () => {
    const reader = new ByteReader(Uint8Array.of(1, 0x12, 0x34, 0xff, 0xff, 0xff, 0xfe, 9, 8));
    expect([reader.u8(), reader.u16(), reader.u32()]).toEqual([1, 0x1234, 0xffff_fffe]);
    expect(reader.bytes(1)).toEqual(Uint8Array.of(9));
    expect(reader.rest()).toEqual(Uint8Array.of(8));
    reader.expectEnd();
  });

  it('respects the byte offset of a view into a larger buffer', () => {
    const outer = Uint8Array.of(0, 0, 0xab, 0xcd);
    expect(new ByteReader(outer.subarray(2)).u16()).toBe(0xabcd);
  });

  it('throws WireError with the offset where a field does not fit, and stays where it was', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3));
    reader.u16();
    expect(() => reader.u16('the port')).toThrow(new WireError('truncated', 2, 'the port needs 2 bytes, 1 are left'));
    expect(reader.u8()).toBe(3);
  });

  it('refuses negative lengths', () => {
    expect(() => new ByteReader(Uint8Array.of(1)).bytes(-1)).toThrow(WireError);
  });

  it('says how many bytes are left over', () => {
    expect(() => new ByteReader(Uint8Array.of(1, 2)).expectEnd('the header')).toThrow(/2 bytes after the end of the header/);
  });
});

describe('ByteWriter', () => {
  it('grows, and gives back what ByteReader reads', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(65_535), fc.nat(0xffff_ffff), fc.bigInt(0n, 2n ** 64n - 1n), fc.uint8Array(), (a, b, c, d, e) => {
        const bytes = new ByteWriter(1).u8(a).u16(b).u32(c).u64(d).zeros(3).bytes(e).finish();
        const reader = new ByteReader(bytes);
        expect([reader.u8(), reader.u16(), reader.u32(), reader.u64()]).toEqual([a, b, c, d]);
        expect(reader.bytes(3)).toEqual(new Uint8Array(3));
        expect(reader.rest()).toEqual(e);
      }),
    );
  });

  it('never writes past a buffer that the caller owns', () => {
    const target = new Uint8Array(6).fill(0xee);
    const writer = new ByteWriter(target.subarray(0, 4)).u16(1).u16(2);
    expect(() => writer.u8(3)).toThrow(RangeError);
    expect(target).toEqual(Uint8Array.of(0, 1, 0, 2, 0xee, 0xee));
  });

  it('patches a length that is known only afterwards', () => {
    const writer = new ByteWriter().u32(0).u8(7);
    writer.patchU32(0, 0x01020304);
    expect(writer.finish()).toEqual(Uint8Array.of(1, 2, 3, 4, 7));
  });
});
