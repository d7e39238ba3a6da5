import { expect, it } from 'vitest';
import { kernelNeighbours, parseNeighbours } from '../../src/net/neighbour-table.ts';

const table = `IP address       HW type     Flags       HW address            Mask     Device
192.168.0.11     0x1         0x2         52:54:00:00:00:01     *        br0
192.168.0.12     0x1         0x0         00:00:00:00:00:00     *        br0
192.168.0.13     0x1         0x6         52:54:00:00:00:03     *        br0
`;

it('reads who answered, permanent entries too, and leaves out who did not', () => {
  expect([...parseNeighbours(table)]).toEqual([
    ['192.168.0.11', '52:54:00:00:00:01'],
    ['192.168.0.13', '52:54:00:00:00:03'],
  ]);
});

it("reads the kernel's own table", () => {
  expect(kernelNeighbours().neighbourMac('192.0.2.254')).toBeUndefined();
});
