import { describe, expect, it } from 'vitest';
import { broadcastAddress, cidrContains, formatIpv4, ipv4Number, parseCidr, parseIpv4 } from '../../src/model/ipv4.ts';
import { dashedMac, macOfBytes, parseMac } from '../../src/model/mac.ts';
import { parseImageName } from '../../src/model/image-manifest.ts';

describe('MAC addresses', () => {
  it.each(['52:54:00:AA:bb:0c', '52-54-00-aa-bb-0c', '5254.00aa.bb0c', '525400AABB0C'])('reads %s', (text) => {
    expect(parseMac(text)).toBe('52:54:00:aa:bb:0c');
  });

  it.each(['', '52:54:00:aa:bb', '52:54:00:aa:bb:0c:0d', '52:54-00:aa:bb:0c', '5254.00aabb0c', '52:54:00:aa:bb:gg'])(
    'refuses "%s"',
    (text) => {
      expect(parseMac(text)).toBeUndefined();
    },
  );

  it('writes them as loaders name files', () => {
    expect(dashedMac(macOfBytes(Uint8Array.of(0x52, 0x54, 0, 0xaa, 0xbb, 0x0c)))).toBe('01-52-54-00-aa-bb-0c');
  });
});

describe('IPv4 addresses', () => {
  it('round-trips the ends of the range', () => {
    for (const text of ['0.0.0.0', '255.255.255.255', '192.168.0.5']) expect(formatIpv4(ipv4Number(text))).toBe(text);
  });

  it.each(['1.2.3', '1.2.3.256', '1.2.3.4.5', ' 1.2.3.4', '0x1.2.3.4', ''])('refuses "%s"', (text) => {
    expect(parseIpv4(text)).toBeUndefined();
  });

  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['192.168.0.0/24', '192.168.1.1', false],
    ['200.0.0.0/6', '203.1.2.3', true],
    ['0.0.0.0/0', '255.1.1.1', true],
    ['10.0.0.7/32', '10.0.0.7', true],
  ])('%s holds %s: %s', (cidr, address, expected) => {
    const parsed = parseCidr(cidr);
    expect(parsed !== undefined && cidrContains(parsed, ipv4Number(address))).toBe(expected);
  });

  it('refuses a network with host bits and knows the broadcast address', () => {
    expect(parseCidr('192.168.0.1/24')).toBeUndefined();
    expect(parseCidr('192.168.0.0/33')).toBeUndefined();
    expect(formatIpv4(broadcastAddress({ network: ipv4Number('192.168.4.0'), prefixLength: 22 }))).toBe('192.168.7.255');
  });
});

describe('image names', () => {
  it.each([
    ['dom0', { image: 'dom0' }],
    ['dom0@3', { image: 'dom0', version: 3 }],
    ['dom0@0', undefined],
    ['dom0@latest', undefined],
    ['../dom0', undefined],
    ['Dom0', undefined],
  ])('reads %s', (text, expected) => {
    expect(parseImageName(text)).toEqual(expected);
  });
});
