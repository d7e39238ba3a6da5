import { describe, expect, it } from 'vitest';
import { resolveSubnets } from '../../src/config.ts';
import { documents, load, subnet } from '../config/config-files.ts';

const ipv4 = (...addresses: string[]) => addresses.map((address) => ({ family: 'IPv4', address }));

describe('our own address on a subnet', () => {
  it('is the one that its interface has in the cidr', () => {
    const config = load(subnet);
    const interfaces = { lo: ipv4('127.0.0.1'), br0: [{ family: 'IPv6', address: 'fe80::1' }, ...ipv4('10.0.0.1', '192.168.0.7')] };
    expect(resolveSubnets(config, interfaces).map(({ serverAddress }) => serverAddress)).toEqual(['192.168.0.7']);
  });

  it('is taken as configured, whatever the interfaces have', () => {
    expect(resolveSubnets(load(`${subnet}serverAddress: 192.168.0.5\n`), {})).toMatchObject([{ serverAddress: '192.168.0.5' }]);
  });

  it('is missed for all subnets at once, each with its line', () => {
    const config = load(documents(subnet, subnet.replace('lab', 'other').replace('br0', 'br1')));
    const resolve = () => resolveSubnets(config, { lo: ipv4('127.0.0.1'), br1: ipv4('10.0.0.1'), br10: ipv4('10.0.1.1') });
    expect(resolve).toThrow(
      /lab\.yaml:1:1: Subnet lab: interface: expected one of this machine .* \(did you mean br1\?\), found br0; there are br1, br10/,
    );
    expect(resolve).toThrow(
      /lab\.yaml:6:1: Subnet other: interface: expected br1 to have an address in 192\.168\.0\.0\/24, found 10\.0\.0\.1/,
    );
  });

  it('may not lie in the pool', () => {
    const config = load(`${subnet}pool: 192.168.0.5-192.168.0.9\n`);
    expect(() => resolveSubnets(config, { br0: ipv4('192.168.0.7') })).toThrow('expected a range without our own address 192.168.0.7');
  });
});
