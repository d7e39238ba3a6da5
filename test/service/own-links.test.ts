import type { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { OwnLinks } from '../../src/service/own-links.ts';

type Interfaces = ReturnType<typeof networkInterfaces>;

function addressed(cidr: string): NonNullable<Interfaces[string]> {
  const address = cidr.replace(/\/.*/, '');
  return [{ address, cidr, netmask: '255.255.255.0', family: 'IPv4', mac: '52:54:00:00:00:01', internal: false }];
}

it('tells an interface that is gone from one that never was', () => {
  const clock = new HeldClock();
  let now: Interfaces = { eth0: addressed('10.0.0.5/24'), eth1: addressed('192.168.0.5/24') };
  const links = new OwnLinks(clock, () => now);
  expect([links.problemTo('192.168.0.11'), links.problemTo('172.16.0.1')]).toEqual([undefined, undefined]);
  now = { eth0: addressed('10.0.0.5/24') };
  clock.advance(1000);
  expect(links.problemTo('192.168.0.11')).toBe('eth1 of this server, by which 192.168.0.11 is reached, is down or has no carrier');
  expect([links.problemTo('10.0.0.9'), links.problemTo('172.16.0.1')]).toEqual([undefined, undefined]);
  now = { eth0: addressed('10.0.0.5/24'), bond0: addressed('192.168.0.6/24') };
  clock.advance(1000);
  expect(links.problemTo('192.168.0.11')).toBeUndefined();
});
