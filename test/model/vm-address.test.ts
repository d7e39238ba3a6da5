import { describe, expect, it } from 'vitest';
import { parseIpv4 } from '../../src/model/ipv4.ts';
import { addressCount, addressesOf, parseVmAddress } from '../../src/model/vm-address.ts';

describe('the address of a card', () => {
  it.each(['dhcp', 'none'])('may be %s, of which there are as many as anybody wants', (text) => {
    const address = parseVmAddress(text);
    expect(address).toEqual({ kind: text });
    expect(addressCount(address ?? { kind: 'none' })).toBe(Infinity);
  });

  it('may be one with its prefix', () => {
    const address = parseVmAddress('10.12.0.1/24');
    const first = parseIpv4('10.12.0.1');
    expect(address).toEqual({ kind: 'range', first, last: first, network: { network: parseIpv4('10.12.0.0'), prefixLength: 24 } });
  });

  it('may be a range, which gives each in order', () => {
    const address = parseVmAddress('10.12.0.254-10.12.1.1/23') ?? { kind: 'none' };
    expect(addressCount(address)).toBe(4);
    expect([...addressesOf(address)]).toEqual(['10.12.0.254/23', '10.12.0.255/23', '10.12.1.0/23', '10.12.1.1/23']);
  });

  it.each([
    ['without a prefix', '10.12.0.1'],
    ['that is the network', '10.12.0.0/24'],
    ['that is the broadcast address', '10.12.0.255/24'],
    ['that begins with the network', '10.12.0.0-10.12.0.9/24'],
    ['that ends with the broadcast address', '10.12.0.9-10.12.0.255/24'],
    ['that ends in another network', '10.12.0.9-10.12.1.9/24'],
    ['that ends before it begins', '10.12.0.9-10.12.0.8/24'],
    ['in a network without room', '10.12.0.1/31'],
    ['in a network of everything', '10.12.0.1/0'],
    ['with half an end', '10.12.0.9-/24'],
    ['of nothing', ''],
  ])('is not one %s', (_, text) => {
    expect(parseVmAddress(text)).toBeUndefined();
  });
});
