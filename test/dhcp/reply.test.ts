import { describe, expect, it } from 'vitest';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { decodeDhcp, encodeDhcp, type DhcpPacket } from '../../src/dhcp/packet.ts';
import { nak, offerOrAck, replyLimit } from '../../src/dhcp/reply.ts';
import { replyDestination } from '../../src/dhcp/reply-destination.ts';
import type { BootDecision } from '../../src/model/boot-decision.ts';
import { ipv4Number } from '../../src/model/ipv4.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { recorded, type Recording } from '../fixtures/dhcp/recorded.ts';
import { bootDom0, lab, textOf } from './lan-fixture.ts';

const address = ipv4Number('10.0.0.11');

function hex(packet: DhcpPacket, code: number): string | undefined {
  const value = packet.options.get(code);
  return value === undefined ? undefined : Buffer.from(value).toString('hex');
}

function offerTo(name: Recording, decision: BootDecision = bootDom0, subnet: Subnet = lab): DhcpPacket {
  return offerOrAck('OFFER', { request: decodeDhcp(recorded(name)), subnet, decision, address });
}

function withOptions(name: Recording, options: readonly (readonly [number, Uint8Array])[]): DhcpPacket {
  const packet = decodeDhcp(recorded(name));
  return { ...packet, options: new Map([...packet.options, ...options]) };
}

describe('offerOrAck', () => {
  it('gives a PXE ROM its boot file in file and 67, its server in siaddr and 66, and the PXE space of a farm', () => {
    const offer = offerTo('edk2-pxe-discover');
    expect(offer.file).toBe('pxegrub-ne');
    expect(offer.siaddr).toBe(ipv4Number('10.0.0.5'));
    expect(offer.sname).toBe('');
    expect(textOf(offer, optionCode.bootFileName)).toBe('pxegrub-ne');
    expect(textOf(offer, optionCode.tftpServerName)).toBe('10.0.0.5');
    expect(textOf(offer, optionCode.classId)).toBe('PXEClient');
    expect(hex(offer, optionCode.vendorSpecific)).toBe('010400000000060108ff');
  });

  it('gives the UUID back to who sent one (RFC 4578 2.3), and the client identifier (RFC 6842)', () => {
    const request = decodeDhcp(recorded('qemu-rom-discover'));
    const offer = offerTo('qemu-rom-discover');
    expect(hex(offer, optionCode.machineUuid)).toBe(hex(request, optionCode.machineUuid));
    expect(hex(offer, optionCode.clientId)).toBe('01525400000a01');
  });

  it('spares iPXE its wait for a ProxyDHCP server', () => {
    expect(hex(offerTo('qemu-rom-discover'), optionCode.ipxe)).toBe('b00101');
    expect(hex(offerTo('edk2-pxe-discover'), optionCode.ipxe)).toBeUndefined();
  });

  it.each(['grub-legacy-discover', 'klibc-discover', 'udhcpc-discover'] as const)('sends %s no PXE space', (name) => {
    const offer = offerTo(name);
    expect([optionCode.classId, optionCode.vendorSpecific, optionCode.machineUuid].filter((code) => offer.options.has(code))).toEqual([]);
  });

  it('answers HTTPClient with its class and a URL in 67, or EDK2 drops the offer', () => {
    const url = 'http://10.0.0.5:8080/grubx64.efi';
    const request = withOptions('edk2-pxe-discover', [[optionCode.classId, Buffer.from('HTTPClient:Arch:00016:UNDI:003000')]]);
    const offer = offerOrAck('OFFER', { request, subnet: lab, decision: { ...bootDom0, bootFile: url }, address });
    expect(textOf(offer, optionCode.classId)).toBe('HTTPClient');
    expect(textOf(offer, optionCode.bootFileName)).toBe(url);
    expect(offer.options.has(optionCode.vendorSpecific)).toBe(false);
  });

  it('puts a boot file that is too long for its field into option 67 alone', () => {
    const bootFile = `http://10.0.0.5/${'x'.repeat(150)}`;
    const offer = offerTo('edk2-pxe-discover', { ...bootDom0, bootFile });
    expect(offer.file).toBe('');
    expect(textOf(offer, optionCode.bootFileName)).toBe(bootFile);
  });

  it.each([
    {
      what: 'the menu of the profile as text',
      decision: bootDom0,
      subnet: { ...lab, option150: ['10.0.0.9'] },
      value: '(nd)/menus/p1.lst',
    },
    {
      what: 'addresses of the subnet (RFC 5859)',
      menu: false,
      subnet: { ...lab, option150: ['10.0.0.9', '10.0.0.8'] },
      value: '\n\0\0\t\n\0\0\b',
    },
    { what: 'nothing', menu: false, subnet: lab, value: undefined },
  ])('sends $what in option 150', ({ menu, subnet, value }) => {
    const { menuPath, ...withoutMenu } = bootDom0;
    const decision = menu === false ? withoutMenu : { ...withoutMenu, menuPath: menuPath ?? '' };
    expect(textOf(offerTo('grub-legacy-discover', decision, subnet), optionCode.tftpServers)).toBe(value);
  });

  it('sends options 128 and 129 where the subnet sets them, and nowhere else', () => {
    const offer = offerTo('grub-legacy-request', bootDom0, { ...lab, option128: 'e4:45:74:68:00:00', option129: 'NIC=e100' });
    expect([textOf(offer, 128), textOf(offer, 129)]).toEqual(['e4:45:74:68:00:00', 'NIC=e100']);
    expect([textOf(offerTo('grub-legacy-request'), 128), textOf(offerTo('grub-legacy-request'), 129)]).toEqual([undefined, undefined]);
  });

  it('sends the lease time, half of it and seven eighths of it (RFC 2131 4.4.5)', () => {
    const offer = offerTo('udhcpc-discover');
    expect([51, 58, 59].map((code) => Number.parseInt(hex(offer, code) ?? '', 16))).toEqual([3600, 1800, 3150]);
  });

  it('sends mask and router to everybody, names only to who asks for them', () => {
    const grub = offerTo('grub-legacy-discover');
    expect([hex(grub, 1), hex(grub, 3), textOf(grub, 12), textOf(grub, 15)]).toEqual(['ffffff00', '0a000001', 'host', undefined]);
    expect(textOf(offerTo('udhcpc-discover'), 15)).toBe('lab.test');
  });

  it('gives a client that boots nothing no boot options', () => {
    const offer = offerTo('qemu-rom-discover', { kind: 'lease', reason: 'unknown' });
    expect(offer.file).toBe('');
    expect(offer.siaddr).toBe(0);
    expect([43, 60, 66, 67, 150].filter((code) => offer.options.has(code))).toEqual([]);
  });

  it.each([
    { size: undefined, limit: 548 },
    { size: 300, limit: 548 },
    { size: 1000, limit: 972 },
    { size: 1472, limit: 1444 },
    { size: 9000, limit: 1472 },
  ])('keeps an answer within $limit bytes for option 57 of $size (RFC 2132 9.10)', ({ size, limit }) => {
    const options = size === undefined ? [] : ([[optionCode.maxMessageSize, Uint8Array.of(size >> 8, size & 255)]] as const);
    expect(replyLimit(withOptions('klibc-discover', options))).toBe(limit);
  });

  it('leaves out what a client can miss when its option 57 is small, and neither boot file nor menu', () => {
    const long = { ...lab, option128: 'a'.repeat(120), option129: 'b'.repeat(120), domain: 'c'.repeat(60) };
    const bytes = encodeDhcp(offerTo('dhclient-discover', bootDom0, long));
    expect(bytes.length).toBeLessThanOrEqual(548);
    const offer = decodeDhcp(bytes);
    expect(offer.options.has(129)).toBe(false);
    expect([1, 3, 51, 54, 67, 150].every((code) => offer.options.has(code))).toBe(true);
  });
});

describe('nak', () => {
  it('carries no address and no options but its reason and the echoes', () => {
    const packet = nak(decodeDhcp(recorded('udhcpc-request')), lab, 'the address is taken');
    expect([...packet.options.keys()]).toEqual([53, 54, 56, 61]);
    expect([packet.ciaddr, packet.yiaddr, packet.siaddr]).toEqual([0, 0, 0]);
  });

  it('sets the broadcast bit through a relay (RFC 2131 4.3.2)', () => {
    const request = decodeDhcp(recorded('udhcpc-request'));
    expect(nak(request, lab, 'no').flags).toBe(0);
    expect(nak({ ...request, giaddr: 1 }, lab, 'no').flags).toBe(0x8000);
  });
});

describe('replyDestination', () => {
  const request = decodeDhcp(recorded('udhcpc-request'));
  const ciaddr = ipv4Number('10.0.0.11');
  const giaddr = ipv4Number('10.0.1.1');
  const everybody = { by: 'interface', to: { address: '255.255.255.255', port: 68 } };

  it.each([
    { what: 'an OFFER', kind: 'OFFER', fields: {}, expected: everybody },
    { what: 'an ACK', kind: 'ACK', fields: {}, expected: everybody },
    { what: 'an ACK to ciaddr', kind: 'ACK', fields: { ciaddr }, expected: { by: 'address', to: { address: '10.0.0.11', port: 68 } } },
    { what: 'a NAK to ciaddr', kind: 'NAK', fields: { ciaddr }, expected: everybody },
    {
      what: 'an ACK through a relay',
      kind: 'ACK',
      fields: { ciaddr, giaddr },
      expected: { by: 'address', to: { address: '10.0.1.1', port: 67 } },
    },
    { what: 'a NAK through a relay', kind: 'NAK', fields: { giaddr }, expected: { by: 'address', to: { address: '10.0.1.1', port: 67 } } },
  ] as const)('sends $what where RFC 2131 4.1 says', ({ kind, fields, expected }) => {
    expect(replyDestination({ ...request, ...fields }, kind, { server: 67, client: 68 })).toEqual(expected);
  });
});
