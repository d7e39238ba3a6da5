import { expect, it } from 'vitest';
import { parseHello } from '../../src/lab/dom0-hello.ts';

const consoleText = `[  OK  ] Reached target
-----BEGIN VIRTDOM HELLO-----
machine post01
kernel 6.12.48+deb13-amd64
hypervisor Xen
# xl list
Name                                        ID   Mem VCPUs	State	Time(s)
(XEN) d0v0 RDMSR 0x0000c0011020 unimplemented
Domain-0                                     0   512     1     r-----      38.3
# mount | grep -E ' / |flash'
192.168.0.5:/images/dom0@1 on / type nfs (ro)
tmpfs on /flash type tmpfs (rw)
-----END VIRTDOM HELLO-----
virtdom: hello accepted
`;

it('reads what the machine says of itself, without what Xen says in between', () => {
  expect(parseHello(consoleText)).toEqual({
    facts: { machine: 'post01', kernel: '6.12.48+deb13-amd64', hypervisor: 'Xen' },
    outputs: [
      {
        command: 'xl list',
        lines: [
          'Name                                        ID   Mem VCPUs	State	Time(s)',
          'Domain-0                                     0   512     1     r-----      38.3',
        ],
      },
      {
        command: "mount | grep -E ' / |flash'",
        lines: ['192.168.0.5:/images/dom0@1 on / type nfs (ro)', 'tmpfs on /flash type tmpfs (rw)'],
      },
    ],
  });
});

it('takes the last one that is whole', () => {
  expect(parseHello(`${consoleText}-----BEGIN VIRTDOM HELLO-----\nmachine oth`)?.facts['machine']).toBe('post01');
  expect(parseHello(consoleText + consoleText.replace('machine post01', 'machine post02'))?.facts['machine']).toBe('post02');
});

it('finds none where there is none', () => {
  expect(parseHello('-----BEGIN VIRTDOM HELLO-----\nmachine post01\n')).toBeUndefined();
});
