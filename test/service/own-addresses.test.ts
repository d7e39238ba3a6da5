import { describe, expect, it } from 'vitest';
import { localAddresses, ownAddresses } from '../../src/service/own-addresses.ts';

// As Linux 6.1 wrote it on a machine with 10.77.0.5/24 on a bridge without a carrier.
const table = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.77.0.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 10.77.0.0/24 2 0 2
        +-- 10.77.0.0/29 2 0 2
           |-- 10.77.0.0
              /24 link UNICAST
           |-- 10.77.0.5
              /32 host LOCAL
        |-- 10.77.0.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
`;

describe('our own addresses', () => {
  it('are the hosts of the local table, and neither networks nor broadcast addresses', () => {
    expect([...localAddresses(table)]).toEqual(['10.77.0.5', '127.0.0.1']);
  });

  it('hold the one of the loopback interface on any machine', () => {
    expect(ownAddresses()).toContain('127.0.0.1');
  });
});
