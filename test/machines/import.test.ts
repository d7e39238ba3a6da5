import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importInThread } from '../../src/machines/import/import-in-thread.ts';
import { importFormats, importMachines } from '../../src/machines/import/import-machines.ts';
import type { ImportFormat } from '../../src/machines/import/import-machines.ts';
import { maxImportBytes } from '../../src/machines/import/import-report.ts';
import { parseDocument } from '../../src/machines/objects.ts';
import { workedMs } from './book-rig.ts';

function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, '../fixtures/import', name), 'utf8');
}

/** The machines as `line name mac=address,mac`, and what was left out as `line text: reason`. */
function imported(format: ImportFormat, text: string) {
  const { machines, notUnderstood } = importMachines(format, text);
  return {
    machines: machines.map(({ line, document }) => {
      const { name, nics, ...rest } = document;
      const nicsText = (nics as { mac: string; address?: string }[]).map(({ mac, address }) => [mac, address].join('=').replace(/=$/, ''));
      const more = { ...rest, kind: undefined };
      return [`${line} ${name} ${nicsText.join(',')}`, ...(JSON.stringify(more) === '{}' ? [] : [JSON.stringify(more)])].join(' ');
    }),
    notUnderstood: notUnderstood.map(({ line, text: what, reason }) => `${line} ${what}: ${reason}`),
  };
}

describe('an ISC dhcpd.conf', () => {
  it('of 2008 gives its hosts, from wherever they stand, and says all that it leaves out', () => {
    expect(imported('isc-dhcpd', fixture('dhcpd-2008.conf'))).toEqual({
      machines: [
        '30 post01 00:1d:09:6b:3c:01=192.168.0.11',
        '31 post02 00:1d:09:6b:3c:02=192.168.0.12',
        '36 post03 00:1d:09:6b:3c:03=192.168.0.13,00:1d:09:6b:3c:83',
        '44 gate-way 00:1d:09:6b:3c:fe {"ignored":true}',
      ],
      notUnderstood: [
        '2 ddns-update-style none: a setting of the network, not of a machine',
        '3 default-lease-time 3600: a setting of the network, not of a machine',
        '4 max-lease-time 7200: a setting of the network, not of a machine',
        '5 allow booting: a setting of the network, not of a machine',
        '6 allow bootp: a setting of the network, not of a machine',
        '7 option domain-name "farm.example": a setting of the network, not of a machine',
        '8 option option-150 code 150 = text: a setting of the network, not of a machine',
        '10 class "xen-guests": only host, group, subnet, shared-network and pool declarations are read',
        '14 shared-network farm: networks are not imported: write a Subnet',
        '15 subnet 192.168.0.0 netmask 255.255.255.0: networks are not imported: write a Subnet',
        '16 option routers 192.168.0.1: a setting of the network, not of a machine',
        '17 option subnet-mask 255.255.255.0: a setting of the network, not of a machine',
        '18 pool: networks are not imported: write a Subnet',
        '19 deny members of "xen-guests": a setting of the network, not of a machine',
        '20 range 192.168.0.100 192.168.0.199: a setting of the network, not of a machine',
        '25 next-server 192.168.0.5: boot files come from us, or from the nextServer of the subnet',
        '26 filename "pxegrub": the boot file is the one of the profile: assign one that has it',
        '27 option option-150 "/grub/menu.lst": a setting of the network, not of a machine',
        '34 option option-150 "/grub/post02.lst": no option of a single machine: set a parameter',
        '38 fixed-address 192.168.0.13, 10.1.0.13: only its first address is taken, 192.168.0.13',
        '44 fixed-address gate.farm.example: a name in place of an address: resolve it yourself; the machine gets a free address of the pool',
        '44 Gate_Way: no name of a machine here: it is called gate-way',
        '45 hardware token-ring 00:00:c1:00:00:01: not an Ethernet address',
        '45 printer: no machine without a MAC address',
        '46 option dhcp-client-identifier "laser": machines are known by MAC address, not by client-id',
        '46 by-client-id: no machine without a MAC address',
        '50 include "/etc/dhcp3/more-hosts.conf": another file: import it by itself',
      ],
    });
  });

  it.each([
    ['host a { hardware ethernet 52:54:00:00:00:01;', ['1 a 52:54:00:00:00:01'], ['1 host a: expected } at its end']],
    [
      'host a { hardware ethernet 52:54:00:00:00:01 }',
      [],
      ['1 hardware ethernet 52:54:00:00:00:01: expected ; at its end', '1 a: no machine without a MAC address'],
    ],
    ['}\nhost a { hardware ethernet 52:54:00:00:00:01; }', ['2 a 52:54:00:00:00:01'], ['1 }: closes nothing']],
    [
      'host a { hardware ethernet 52:54:00:00:00:01; option host-name "b\\"',
      ['1 a 52:54:00:00:00:01'],
      expect.arrayContaining(['1 host a: expected } at its end']) as string[],
    ],
    [
      'class "x" { match if { {',
      [],
      ['1 class "x": only host, group, subnet, shared-network and pool declarations are read', '1 class "x": expected } at its end'],
    ],
    [
      'host a { hardware ethernet 52:54:00:00:00:01; group { fixed-address 10.0.0.1; } }',
      ['1 a 52:54:00:00:00:01=10.0.0.1'],
      ['1 group: no such declaration can be inside a host'],
    ],
  ])('that is broken says so: %s', (text, machines, notUnderstood) => {
    expect(imported('isc-dhcpd', text)).toEqual({ machines, notUnderstood });
  });
});

describe('a dnsmasq configuration', () => {
  it('gives its dhcp-host lines', () => {
    expect(imported('dnsmasq', fixture('dnsmasq.conf'))).toEqual({
      machines: [
        '4 node01 52:54:00:00:01:01=192.168.0.21',
        '5 node02 52:54:00:00:01:02=192.168.0.22',
        '6 node03 52:54:00:00:01:03=192.168.0.23,52:54:00:00:01:83',
        '7 node04 52:54:00:00:01:04',
        '8 52-54-00-00-01-05 52:54:00:00:01:05=192.168.0.25',
        '9 52-54-00-00-01-06 52:54:00:00:01:06 {"ignored":true}',
        '12 node08 52:54:00:00:01:08',
      ],
      notUnderstood: [
        '2 interface=eth1: a setting of the network, not of a machine',
        '3 dhcp-range=192.168.0.100,192.168.0.199,12h: a setting of the network, not of a machine',
        '5 45m: a lease time of its own: leases last as the subnet says',
        '6 infinite: a lease time of its own: leases last as the subnet says',
        '7 set:red: a tag: what it chooses in dnsmasq, a profile or a subnet says here',
        '8 net:blue: a tag: what it chooses in dnsmasq, a profile or a subnet says here',
        '10 id:01:02:02:04: machines are known by MAC address, not by client-id',
        '10 node07: no machine without a MAC address',
        '11 11:22:33:*:*:*: a pattern of MAC addresses',
        '11 set:rack1: a tag: what it chooses in dnsmasq, a profile or a subnet says here',
        '11 an entry: no machine without a MAC address',
        '12 [fd00::8]: an IPv6 address',
        '13 dhcp-boot=pxelinux.0: a setting of the network, not of a machine',
      ],
    });
  });

  it('may be the file that dhcp-hostsfile names', () => {
    expect(imported('dnsmasq', fixture('dhcp-hostsfile'))).toEqual({
      machines: ['1 node01 52:54:00:00:01:01=192.168.0.21', '3 52-54-00-00-01-02 52:54:00:00:01:02=192.168.0.22'],
      notUnderstood: [],
    });
  });
});

describe('a Kea configuration', () => {
  it('gives its reservations: global ones, of subnets, of shared networks', () => {
    expect(imported('kea', fixture('kea-dhcp4.conf'))).toEqual({
      machines: [
        '7 node01.lab.example 1a:1b:1c:1d:1e:01',
        '16 1a-1b-1c-1d-1e-02 1a:1b:1c:1d:1e:02=192.0.2.202',
        '31 1a-1b-1c-1d-1e-04 1a:1b:1c:1d:1e:04=192.0.3.4 {"ignored":true}',
      ],
      notUnderstood: [
        '4 interfaces-config: a setting of the server, not of a machine',
        '7 Node01.lab.example.: no name of a machine here: it is called node01.lab.example',
        '11 shared-networks lab: networks are not imported: write a Subnet',
        '13 subnet4 192.0.2.0/24: networks are not imported: write a Subnet',
        '19 boot-file-name: /grub/pxegrub: the boot file is the one of the profile: assign one that has it',
        '20 option-data: no option of a single machine: set a parameter',
        '21 client-classes: xen: a class: what it chooses in Kea, a profile says here',
        '23 client-id: 01:11:22:33:44:55:66: machines are known by MAC address',
        '23 by-id: no machine without a MAC address',
        '28 subnet4 192.0.3.0/24: networks are not imported: write a Subnet',
        '37 Control-agent: only Dhcp4 is read',
      ],
    });
  });

  it.each([
    ['{ "Dhcp4": ', '1 : expected a value, found nothing'],
    ['{\n"Dhcp4": { "a" 1 } }', '2 : expected : after "a", found "1 } }"'],
    ['{ "Dhcp4": { "a": 1 "b": 2 } }', '1 : expected , or }, found "\\"b\\": 2 } }"'],
    ['{ "Dhcp4": /* {}', '1 : expected */ at the end of a comment, found "/* {}"'],
    ['[1, 2', '1 : expected , or ], found nothing'],
    ['{ "a": "b\n" }', '1 : expected a text in quotes with its end on the same line, found "\\"b"'],
    ['['.repeat(100), '1 : expected at most 64 blocks and lists in each other, found "[[[[[[[[[[[[[[[[[[[["'],
    ['5', '1 : expected the configuration of Kea, a block of keys'],
  ])('that is broken says where: %s', (text, problem) => {
    expect(imported('kea', text)).toEqual({ machines: [], notUnderstood: [problem] });
  });
});

describe('a table', () => {
  it('gives a machine a row, and NICs where a name comes again', () => {
    expect(imported('csv', fixture('machines.csv'))).toEqual({
      machines: [
        '2 post01 52:54:00:00:02:01=192.168.0.31,52:54:00:00:02:81 {"profile":"dom0","role":"worker","labels":{"rack":"a1"}}',
        '3 post-02 52:54:00:00:02:02=192.168.0.32,52:54:00:00:02:82 {"profile":"dom0","labels":{"rack":"a \\"2\\""}}',
        '6 52-54-00-00-02-03 52:54:00:00:02:03 {"profile":"local-disk"}',
        '8 post05 52:54:00:00:02:05 {"profile":"dom0"}',
      ],
      notUnderstood: [
        '1 Serial: no column that is known: name, mac, address, profile, role, uuid, labels.NAME',
        '3 post 02: no name of a machine here: it is called post-02',
        '4 role: "gateway": post01 of line 2 has another one',
        '7 post04,52:54:00:00:02,,dom0,,,: 52:54:00:00:02 is no MAC address',
        '8 300.1.1.1: not an IPv4 address; the machine gets a free one of the pool',
      ],
    });
  });

  it.each([
    ['\uFEFFmac;name\r\n52:54:00:00:00:01;a\r\n', ['2 a 52:54:00:00:00:01'], []],
    ['mac\tname\n52:54:00:00:00:01\ta', ['2 a 52:54:00:00:00:01'], []],
    ['mac,name\n"52:54:00:00:00:01","a\n', [], ['2 "a: a quoted cell that has no end']],
    ['mac,name\n52:54:00:00:00:01,a,b\n', [], ['2 52:54:00:00:00:01,a,b: expected 2 cells, found 3']],
    ['name,address\na,10.0.0.1\n', [], ['1 name, address: expected a column named mac']],
    ['', [], ['1 : expected a first row that names the columns, such as name,mac,address']],
    [
      'mac,name\n52:54:00:00:00:01,a\n52:54:00:00:00:01,b\n',
      ['2 a 52:54:00:00:00:01'],
      ['3 52:54:00:00:00:01: this MAC address is of a already', '3 b: no machine without a MAC address'],
    ],
    ['mac,name\n52:54:00:00:00:01,-\n', [], ['2 -: not a name that can be made one of lower-case letters, digits, dots and dashes']],
  ])('%j is read', (text, machines, notUnderstood) => {
    expect(imported('csv', text)).toEqual({ machines, notUnderstood });
  });
});

describe('an import', { timeout: 60_000 }, () => {
  it.each(importFormats)('as %s refuses more than 8 MiB', (format) => {
    expect(importMachines(format, 'x'.repeat(maxImportBytes + 1))).toMatchObject({ machines: [], notUnderstood: [{ line: 1 }] });
  });

  it('can be read beside all else, with the same result', async () => {
    const text = fixture('dhcpd-2008.conf');
    expect(await importInThread('isc-dhcpd', text)).toEqual(importMachines('isc-dhcpd', text));
  });

  it('tells of a thousand entries and counts the rest', () => {
    const { notUnderstood } = importMachines('dnsmasq', 'nonsense=1\n'.repeat(1_500));
    expect(notUnderstood).toHaveLength(1_001);
    expect(notUnderstood.at(-1)).toEqual({ line: 1_500, text: '', reason: '500 more entries were not understood' });
  });

  const pieces = fc.constantFrom(
    'host ',
    'group ',
    '{',
    '}',
    ';',
    '"',
    '\\',
    '\n',
    '\r\n',
    '#',
    '//',
    '/*',
    '*/',
    ',',
    ':',
    '[',
    ']',
    ' ',
    '\t',
    '=',
    '*',
    '\uFEFF',
    'hardware ethernet ',
    'fixed-address ',
    '52:54:00:00:00:01',
    '10.0.0.1',
    'dhcp-host=',
    'id:',
    'a',
    'name,mac\n',
    '"reservations"',
    '"hw-address"',
    '"Dhcp4"',
    '{"reservations":[',
    '{"hw-address":"52:54:00:00:00:02"',
    '__proto__',
    '"__proto__":',
    'true',
    '-1e5',
    'constructor,mac\n',
  );
  const soup = fc.array(fc.oneof(pieces, fc.string({ maxLength: 5 })), { maxLength: 60 }).map((parts) => parts.join(''));

  it.each(importFormats)('as %s never throws, and gives machines that are valid', (format) => {
    fc.assert(
      fc.property(soup, (text) => {
        const { machines } = importMachines(format, text);
        expect(machines.flatMap(({ document }) => parseDocument('Machine', document).problems)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  const bytes = 250_000;
  it.each([
    ['isc-dhcpd', '{'],
    ['isc-dhcpd', 'group {'],
    ['isc-dhcpd', '"'],
    ['isc-dhcpd', 'host a { hardware ethernet 52:54:00:00:00:01; '],
    ['isc-dhcpd', '#'],
    ['isc-dhcpd', 'a '],
    ['dnsmasq', ','],
    ['dnsmasq', ' #\r'],
    ['dnsmasq', '52:54:00:00:00:01,'],
    ['kea', '/**/'],
    ['kea', '# \r'],
    ['kea', '[],'],
    ['kea', '"'],
    ['csv', ','],
    ['csv', '"'],
    ['csv', '""'],
    ['csv', 'mac\n"x",'],
    ['csv', '#'],
  ] as const)('as %s of much of %j takes no longer than so much text should', (format, piece) => {
    const text = piece.repeat(Math.ceil(bytes / piece.length));
    const startMs = workedMs();
    importMachines(format, text);
    importMachines(format, `[${text}`);
    expect(workedMs() - startMs).toBeLessThan(1_000);
  });
});
