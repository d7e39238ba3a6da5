import { describe, expect, it } from 'vitest';
import { parseDocument } from '../../src/machines/objects.ts';
import type { ConfiguredSubnet } from '../../src/machines/objects.ts';
import { resolveSubnet, resolveSubnets } from '../../src/machines/server-addresses.ts';

const ipv4 = (...addresses: string[]) => addresses.map((address) => ({ family: 'IPv4', address }));

const originOf = (name: string) => ({ file: 'lab.yaml', line: name === 'lab' ? 1 : 6, column: 1 });

function subnetWith(fields: Readonly<Record<string, unknown>> = {}): ConfiguredSubnet {
  const { object } = parseDocument('Subnet', { kind: 'Subnet', name: 'lab', cidr: '192.168.0.0/24', interface: 'br0', ...fields });
  if (object === undefined) throw new Error('the subnet of this test is wrong');
  return object;
}

describe('our own address on a subnet', () => {
  it('is the one that its interface has in the cidr', () => {
    const interfaces = { lo: ipv4('127.0.0.1'), br0: [{ family: 'IPv6', address: 'fe80::1' }, ...ipv4('10.0.0.1', '192.168.0.7')] };
    expect(resolveSubnets([subnetWith()], interfaces).map(({ serverAddress }) => serverAddress)).toEqual(['192.168.0.7']);
  });

  it('is taken as configured, whatever the interfaces have', () => {
    expect(resolveSubnets([subnetWith({ serverAddress: '192.168.0.5' })], {})).toMatchObject([{ serverAddress: '192.168.0.5' }]);
  });

  it('is missed for all subnets at once, each with its place', () => {
    const subnets = [subnetWith(), subnetWith({ name: 'other', interface: 'br1' })];
    const resolve = () => resolveSubnets(subnets, { lo: ipv4('127.0.0.1'), br1: ipv4('10.0.0.1'), br10: ipv4('10.0.1.1') }, originOf);
    expect(resolve).toThrow(
      /lab\.yaml:1:1: Subnet lab: interface: expected one of this machine .* \(did you mean br1\?\), found br0; there are br1, br10/,
    );
    expect(resolve).toThrow(
      /lab\.yaml:6:1: Subnet other: interface: expected br1 to have an address in 192\.168\.0\.0\/24, found 10\.0\.0\.1/,
    );
  });

  it('may not lie in the pool', () => {
    const subnets = [subnetWith({ pool: '192.168.0.5-192.168.0.9' })];
    expect(() => resolveSubnets(subnets, { br0: ipv4('192.168.0.7') })).toThrow('expected a range without our own address 192.168.0.7');
  });

  it('that is missing is told of this subnet alone where subnets change while we serve', () => {
    expect(resolveSubnet(subnetWith(), { br0: ipv4('10.0.0.1') })).toEqual({
      kind: 'unserved',
      name: 'lab',
      reason: 'interface: expected br0 to have an address in 192.168.0.0/24, found 10.0.0.1. Give it one, or set serverAddress',
    });
    expect(resolveSubnet(subnetWith(), { br0: ipv4('192.168.0.7') })).toMatchObject({
      kind: 'served',
      subnet: { serverAddress: '192.168.0.7' },
    });
  });
});
