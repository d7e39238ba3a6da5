import { describe, expect, it } from 'vitest';
import { identifyClient, type NamedClient } from '../../src/boot/identify.ts';
import { address, mac, otherMac, post01, post02, secondMac, strangeMac } from './rig.ts';

const one: NamedClient = { machine: post01, mac };

describe('who asks for a file (rule 3)', () => {
  const rows: readonly { name: string; path?: NamedClient; lease?: string; neighbour?: string; expected: object }[] = [
    { name: 'the path alone names the machine', path: one, expected: { kind: 'machine', machine: post01, by: 'path' } },
    { name: 'the path and the lease agree', path: one, lease: mac, expected: { kind: 'machine', by: 'path' } },
    { name: 'the path and the lease of its second NIC agree', path: one, lease: secondMac, expected: { kind: 'machine', by: 'path' } },
    {
      name: "the path names one machine, the lease is another's",
      path: one,
      lease: otherMac,
      expected: { kind: 'conflict', reason: expect.stringContaining('post02') },
    },
    {
      name: "the path names one machine, the lease is a stranger's",
      path: one,
      lease: strangeMac,
      expected: { kind: 'conflict', reason: expect.stringContaining(strangeMac) },
    },
    { name: "the path names one machine, the neighbour is another's", path: one, neighbour: otherMac, expected: { kind: 'conflict' } },
    {
      name: 'the lease outweighs an old neighbour entry',
      path: one,
      lease: mac,
      neighbour: otherMac,
      expected: { kind: 'machine', by: 'path' },
    },
    { name: 'the lease alone', lease: mac, expected: { kind: 'machine', machine: post01, mac, by: 'lease' } },
    { name: 'the lease and the same neighbour', lease: mac, neighbour: mac, expected: { kind: 'machine', by: 'lease' } },
    { name: "one machine's lease used by another on the wire", lease: mac, neighbour: otherMac, expected: { kind: 'conflict' } },
    { name: "a stranger's lease", lease: strangeMac, expected: { kind: 'unknown' } },
    {
      name: "a stranger's lease is not made good by the neighbour table",
      lease: strangeMac,
      neighbour: mac,
      expected: { kind: 'unknown' },
    },
    { name: 'the neighbour alone', neighbour: secondMac, expected: { kind: 'machine', machine: post01, mac: secondMac, by: 'neighbour' } },
    { name: 'a strange neighbour', neighbour: strangeMac, expected: { kind: 'unknown', reason: expect.stringContaining(strangeMac) } },
    { name: 'nothing at all', expected: { kind: 'unknown', reason: expect.stringContaining('no lease, no neighbour') } },
  ];
  it.each(rows)('$name', ({ path, lease, neighbour, expected }) => {
    const machines = new Map([...post01.nics.map((nic) => [nic.mac, post01] as const), [otherMac, post02] as const]);
    const facts = { leaseOwner: () => lease, neighbourMac: () => neighbour, machineOf: (of: string) => machines.get(of) };
    expect(identifyClient(address, path, facts)).toMatchObject(expected);
  });
});
