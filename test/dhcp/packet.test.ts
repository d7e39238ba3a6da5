import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireError } from '../../src/bytes/wire-error.ts';
import { bootClientOf } from '../../src/dhcp/boot-client.ts';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { decodeDhcp, encodedLength, encodeDhcp, type DhcpPacket } from '../../src/dhcp/packet.ts';
import { ipv4Number } from '../../src/model/ipv4.ts';
import { recorded, type Recording } from '../fixtures/dhcp/recorded.ts';

const recordings: readonly { name: Recording; xid: number; mac: string; options: readonly number[] }[] = [
  { name: 'ipxe-rom-discover', xid: 0xb0214e61, mac: '52540000000c', options: [53, 57, 93, 94, 60, 77, 55, 175, 61, 97] },
  { name: 'ipxe-rom-request', xid: 0xb0214e61, mac: '52540000000c', options: [53, 57, 93, 94, 60, 77, 55, 175, 61, 97, 54, 50] },
  { name: 'grub-legacy-discover', xid: 0x000ba799, mac: '52540000000c', options: [53, 57, 55] },
  { name: 'grub-legacy-request', xid: 0x000ba799, mac: '52540000000c', options: [53, 54, 50, 57, 55] },
  { name: 'dnsmasq-offer', xid: 0xb0214e61, mac: '52540000000c', options: [53, 54, 51, 1, 3, 150] },
  { name: 'qemu-rom-discover', xid: 0x75b68477, mac: '525400000a01', options: [53, 57, 93, 94, 60, 77, 55, 175, 61, 97] },
  { name: 'qemu-rom-request', xid: 0x75b68477, mac: '525400000a01', options: [53, 57, 93, 94, 60, 77, 55, 175, 61, 97, 54, 50] },
  { name: 'udhcpc-discover', xid: 0x3cdc6910, mac: 'eab9a733e3b2', options: [53, 57, 55, 60, 61] },
  { name: 'udhcpc-request', xid: 0x3cdc6910, mac: 'eab9a733e3b2', options: [53, 50, 54, 57, 55, 60, 61] },
  { name: 'dhclient-discover', xid: 0x79855306, mac: 'eab9a733e3b2', options: [53, 12, 55] },
  { name: 'dhclient-request', xid: 0x79855306, mac: 'eab9a733e3b2', options: [53, 54, 50, 12, 55] },
  { name: 'klibc-discover', xid: 0x1a92495b, mac: '525400000b01', options: [53, 55, 60] },
  { name: 'klibc-request', xid: 0x1a92495b, mac: '525400000b01', options: [53, 54, 50, 55, 60] },
  { name: 'edk2-pxe-discover', xid: 0xa625391b, mac: '525400000a01', options: [53, 57, 55, 97, 94, 93, 60] },
  { name: 'edk2-pxe-request', xid: 0xa625391b, mac: '525400000a01', options: [53, 54, 50, 57, 55, 97, 94, 93, 60] },
  { name: 'dhclient-release', xid: 0xdd2f144f, mac: 'eab9a733e3b2', options: [53, 54, 12] },
];

const plain: DhcpPacket = {
  op: 'reply',
  htype: 1,
  hops: 0,
  xid: 0x01020304,
  secs: 0,
  flags: 0x8000,
  ciaddr: 0,
  yiaddr: ipv4Number('192.168.0.11'),
  siaddr: ipv4Number('192.168.0.5'),
  giaddr: 0,
  chaddr: Uint8Array.of(0x52, 0x54, 0, 0, 0, 1),
  sname: '',
  file: 'pxegrub',
  options: new Map([
    [82, Uint8Array.of(1, 1, 9)],
    [150, Buffer.from('/grub/post01.conf')],
    [1, Uint8Array.of(255, 255, 255, 0)],
    [53, Uint8Array.of(2)],
  ]),
};

/** What was thrown that no decoder may throw. */
function faultOf(decode: () => unknown): unknown {
  try {
    decode();
    return undefined;
  } catch (error) {
    return error instanceof WireError ? undefined : error;
  }
}

describe('decodeDhcp', () => {
  it.each(recordings)('reads $name as its sender meant it', ({ name, xid, mac, options }) => {
    const packet = decodeDhcp(recorded(name));
    expect(packet.xid).toBe(xid);
    expect(Buffer.from(packet.chaddr).toString('hex')).toBe(mac);
    expect([...packet.options.keys()]).toEqual(options);
  });

  it('reads the fields of an answer of another server', () => {
    const { op, yiaddr, siaddr, sname, file, options } = decodeDhcp(recorded('dnsmasq-offer'));
    expect({ op, yiaddr, siaddr, sname, file }).toEqual({
      op: 'reply',
      yiaddr: ipv4Number('10.0.0.77'),
      siaddr: ipv4Number('10.0.0.5'),
      sname: 'lab',
      file: 'pxegrub-ne',
    });
    expect(Buffer.from(options.get(150) ?? []).toString()).toBe('(nd)/menus/p1.lst');
  });

  it.each(recordings)('throws WireError for every prefix of $name that ends before END', ({ name }) => {
    const bytes = recorded(name);
    const whole = decodeDhcp(bytes);
    const endAt = bytes.lastIndexOf(optionCode.end);
    for (let length = 0; length <= endAt; length++) {
      expect(() => decodeDhcp(bytes.subarray(0, length)), `${length} bytes`).toThrow(WireError);
    }
    for (let length = endAt + 1; length < bytes.length; length++) {
      expect(decodeDhcp(bytes.subarray(0, length)), `${length} bytes: what follows END is padding`).toEqual(whole);
    }
  });

  it.each(recordings)('throws nothing but WireError whatever befalls $name', ({ name }) => {
    const bytes = recorded(name);
    const change = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        const mutant = Uint8Array.from(bytes);
        for (const { at, to } of changes) mutant[at] = to;
        expect(faultOf(() => bootClientOf(decodeDhcp(mutant)))).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('joins the parts of a long option (RFC 3396 5)', () => {
    const head = encodeDhcp({ ...plain, options: new Map() }).subarray(0, 240);
    const bytes = Buffer.concat([head, Uint8Array.of(119, 2, 1, 2, 53, 1, 1, 119, 1, 3, 255)]);
    expect(decodeDhcp(bytes).options.get(119)).toEqual(Buffer.from([1, 2, 3]));
  });

  it('reads options in file and sname, file first, where option 52 says so (RFC 2131 4.1, RFC 3396 5)', () => {
    const head = Buffer.from(encodeDhcp({ ...plain, options: new Map(), file: '' }).subarray(0, 240));
    head.set([12, 1, 0x62, 255], 108);
    head.set([12, 1, 0x63, 255], 44);
    const packet = decodeDhcp(Buffer.concat([head, Uint8Array.of(53, 1, 1, 52, 1, 3, 12, 1, 0x61, 255)]));
    expect(Buffer.from(packet.options.get(12) ?? []).toString()).toBe('abc');
    expect(packet.file).toBe('');
    expect(packet.sname).toBe('');
    expect(packet.options.has(52)).toBe(false);
  });

  it.each([
    { what: 'op 3', at: 0, to: 3, code: 'bad-op' },
    { what: 'hlen 17', at: 2, to: 17, code: 'bad-hlen' },
    { what: 'another magic cookie', at: 236, to: 0, code: 'bad-magic' },
  ])('refuses $what', ({ at, to, code }) => {
    const bytes = Uint8Array.from(recorded('udhcpc-discover'));
    bytes[at] = to;
    expect(() => decodeDhcp(bytes)).toThrow(expect.objectContaining({ code }));
  });
});

describe('encodeDhcp', () => {
  it('writes the message type first, the others by number, option 82 last (RFC 3046 2.2)', () => {
    const options = Buffer.from(encodeDhcp(plain).subarray(240)).toString('hex');
    const menu = Buffer.from('/grub/post01.conf').toString('hex');
    expect(options).toMatch(new RegExp(`^3501020104ffffff009611${menu}5203010109ff0*$`));
  });

  it('writes the fixed fields where RFC 2131 figure 1 has them', () => {
    const bytes = Buffer.from(encodeDhcp(plain));
    expect(bytes.subarray(0, 12).toString('hex')).toBe('020106000102030400008000');
    expect(bytes.subarray(12, 28).toString('hex')).toBe('00000000c0a8000bc0a8000500000000');
    expect(bytes.subarray(28, 44).toString('hex')).toBe('525400000001' + '00'.repeat(10));
    expect(bytes.subarray(108, 236).toString('latin1')).toBe(`pxegrub${'\0'.repeat(121)}`);
  });

  it('writes at least 300 bytes, as old BOOTP clients and relays expect', () => {
    expect(encodeDhcp(plain)).toHaveLength(300);
  });

  it('cuts a value over 255 bytes into parts (RFC 3396 6) and knows the length beforehand', () => {
    const options = new Map([[119, new Uint8Array(600).fill(7)]]);
    const bytes = encodeDhcp({ ...plain, options });
    expect(bytes.length).toBe(encodedLength(options));
    expect([bytes[241], bytes[498], bytes[755]]).toEqual([255, 255, 90]);
    expect(decodeDhcp(bytes).options.get(119)).toEqual(Buffer.alloc(600, 7));
  });

  it('keeps options of length 0 and options that nobody knows', () => {
    const options = new Map([
      [80, new Uint8Array(0)],
      [222, Uint8Array.of(1, 2)],
    ]);
    expect(decodeDhcp(encodeDhcp({ ...plain, options })).options).toEqual(options);
  });

  it('writes into the buffer of the caller, over what was there', () => {
    const target = new Uint8Array(600).fill(0xee);
    const bytes = encodeDhcp(plain, target);
    expect(bytes.buffer).toBe(target.buffer);
    expect(decodeDhcp(bytes)).toEqual(decodeDhcp(encodeDhcp(plain)));
    expect(bytes).toEqual(encodeDhcp(plain));
  });

  it.each(recordings)('writes $name so that it reads the same', ({ name }) => {
    const packet = decodeDhcp(recorded(name));
    expect(decodeDhcp(encodeDhcp(packet))).toEqual(packet);
  });
});
