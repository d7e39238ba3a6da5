import { expect, it } from 'vitest';
import { allNodesAddress, encodeRouterAdvertisement } from '../../src/lab/router-advertisement.ts';

it('is a router advertisement that makes nobody a router and configures nothing (RFC 4861 4.2)', () => {
  // Type 134, code 0, checksum left to the kernel, hop limit 64, no flags, lifetime 0, no reachable time, no retransmission time.
  expect(Buffer.from(encodeRouterAdvertisement()).toString('hex')).toBe('86000000400000000000000000000000');
});

it('goes to all nodes of one link (ff02::1 with the interface as scope)', () => {
  expect(Buffer.from(allNodesAddress(2)).toString('hex')).toBe('0a00000000000000ff02000000000000000000000000000102000000');
});
