import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PropertyType } from '../../../src/model/property-definition.ts';
import { propertyCommands } from '../../../src/agent/properties/property-commands.ts';
import type { Extraction } from '../../../src/agent/properties/property-command.ts';
import { valueOfType } from '../../../src/agent/properties/property-value.ts';
import { RecordedMachine } from './recorded-machine.ts';

const { signal } = new AbortController();

/** A Dom0 as Debian's Xen 4.20 has it, its NIC on a bridge and a VLAN on another. */
function dom0(): RecordedMachine {
  const machine = new RecordedMachine();
  const nic = { eth0: 'up', xenbr0: 'up', 'eth0.12': 'up', vlan12: 'up', lo: 'unknown', 'vif1.0': 'up' };
  for (const [name, state] of Object.entries(nic)) {
    machine.files.set(`/sys/class/net/${name}/operstate`, `${state}\n`);
    machine.files.set(`/sys/class/net/${name}/address`, '52:54:00:00:00:01\n');
    machine.files.set(`/sys/class/net/${name}/mtu`, '1500\n');
  }
  machine.files.set('/sys/class/net/eth0/speed', '1000\n');
  machine.files.set('/sys/class/net/xenbr0/speed', '-1\n');
  machine.files.set('/sys/class/net/eth0/statistics/rx_bytes', '28340940\n');
  machine.files.set('/sys/class/net/xenbr0/bridge/stp_state', '0\n');
  machine.files.set('/sys/class/net/vlan12/bridge/stp_state', '0\n');
  machine.links.set('/sys/class/net/eth0/device', '../../../0000:00:03.0');
  machine.links.set('/sys/class/net/eth0/master', '../xenbr0');
  machine.links.set('/sys/class/net/eth0.12/master', '../vlan12');
  machine.files.set(
    '/proc/net/vlan/config',
    'VLAN Dev name\t | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\neth0.12        | 12  | eth0\n',
  );
  machine.files.set('/proc/net/vlan/eth0.12', 'eth0.12  VID: 12\t REORDER_HDR: 1  dev->priv_flags: 1021\nDevice: eth0\n');
  machine.files.set('/sys/block/sda/size', '1953525168\n');
  machine.files.set('/sys/block/sda/device/model', 'ST1000NM0011    \n');
  machine.files.set('/sys/block/sda/queue/rotational', '1\n');
  machine.files.set('/sys/block/loop0/size', '0\n');
  machine.files.set('/sys/class/dmi/id/product_name', 'PowerEdge R710\n');
  machine.files.set('/sys/class/dmi/id/sys_vendor', 'Dell Inc.\n');
  machine.files.set('/proc/sys/kernel/osrelease', '6.12.117+deb13-amd64\n');
  machine.files.set('/proc/modules', 'xen_netback 81920 1 - Live 0x0\nbridge 397312 0 - Live 0x0\n');
  machine.spaces.set('/', { totalBytes: 40 * 2 ** 20, freeBytes: 11 * 2 ** 20 });
  machine.answers.set(
    'xl info',
    'host                   : post01\nrelease                : 6.12.117+deb13-amd64\nnr_cpus                : 1\ntotal_memory           : 1022\nfree_memory            : 497\nxen_version            : 4.20.5-pre\nxen_commandline        : placeholder dom0_mem=512M\n',
  );
  machine.answers.set(
    'xl list',
    JSON.stringify([
      { domid: 0, config: { c_info: { type: 'pv', name: 'Domain-0' }, b_info: { max_memkb: 524_288, target_memkb: 524_287 } } },
      {
        domid: 3,
        config: {
          c_info: { type: 'pv', name: 'worker-1', uuid: '0b2f8f3e-5d0e-4f0a-9c57-5ac7c3a2b001' },
          b_info: { max_vcpus: 2, max_memkb: 131_072, target_memkb: 131_072 },
        },
      },
    ]),
  );
  return machine;
}

const recorded = (name: string): string => readFileSync(`test/fixtures/xl/${name}`, 'utf8');

async function extract(text: string, type: PropertyType, machine = dom0(), more: Partial<Extraction> = {}): Promise<unknown> {
  const [name = '', ...parameters] = text.split(' ');
  const command = propertyCommands.get(name);
  expect(command?.problem(parameters)).toBeUndefined();
  const extraction = { parameters, type, view: machine, signal, monoMs: 0, memory: new Map<string, number>(), ...more };
  return valueOfType(type, await command?.extract(extraction));
}

describe('the built-in commands', () => {
  it.each<[string, PropertyType, unknown]>([
    ['ram MemFree', 'int', 18_140_300],
    ['ram MemFree MiB', 'int', 17_715],
    ['ram MemAvailable GiB', 'float', 19_385_772 / 1024 / 1024],
    ['load', 'float', 11.96],
    ['load 15', 'float', 6.33],
    ['load', 'list', [11.96, 9.57, 6.33]],
    ['uptime', 'int', 28_340],
    ['uptime', 'float', 28_340.94],
    ['cpu', 'float', 38.44],
    ['cpu iowait', 'float', 0.38],
    ['cpu count', 'int', 2],
    ['cpu model', 'string', 'Intel(R) Xeon(R) Processor'],
    ['kernel', 'string', '6.12.117+deb13-amd64'],
    ['kernel modules', 'list', ['xen_netback', 'bridge']],
    ['dmi product_name', 'string', 'PowerEdge R710'],
    ['dmi', 'object', { product_name: 'PowerEdge R710', sys_vendor: 'Dell Inc.' }],
    ['disk /', 'int', 11],
    ['disk / used', 'int', 29],
    ['disk / percent', 'float', 72.5],
    ['disk', 'list', [{ name: 'sda', sizeMib: 953_869, model: 'ST1000NM0011', rotational: true }]],
    ['nic eth0', 'string', 'up'],
    ['nic eth0', 'bool', true],
    ['nic eth0 speed', 'int', 1000],
    ['nic eth0 rx_bytes', 'int', 28_340_940],
    ['nic eth0 rx_bytes_rate', 'float', 28_340_940 / 28_340.94],
    ['vlan', 'list', [{ name: 'eth0.12', id: 12, nic: 'eth0' }]],
    ['xen free_memory', 'int', 497],
    ['xen xen_version', 'string', '4.20.5-pre'],
    ['xen domain_count', 'int', 1],
    [
      'xen domains',
      'list',
      [{ name: 'worker-1', domid: 3, uuid: '0b2f8f3e-5d0e-4f0a-9c57-5ac7c3a2b001', type: 'pv', memoryMib: 128, vcpus: 2 }],
    ],
  ])('%s as %s', async (text, type, value) => {
    expect(await extract(text, type)).toEqual(value);
  });

  it('nic: all that are not guests, with their bridges and VLANs', async () => {
    const mac = '52:54:00:00:00:01';
    expect(await extract('nic', 'list')).toEqual([
      { name: 'eth0', kind: 'nic', mac, state: 'up', mtu: 1500, speedMbit: 1000, bridge: 'xenbr0' },
      { name: 'eth0.12', kind: 'vlan', mac, state: 'up', mtu: 1500, bridge: 'vlan12', vlan: 12, nic: 'eth0' },
      { name: 'vlan12', kind: 'bridge', mac, state: 'up', mtu: 1500 },
      { name: 'xenbr0', kind: 'bridge', mac, state: 'up', mtu: 1500 },
    ]);
  });

  it('cpu: since it was asked last', async () => {
    const machine = dom0();
    const memory = new Map<string, number>();
    await extract('cpu', 'float', machine, { memory });
    machine.files.set(
      '/proc/stat',
      (machine.files.get('/proc/stat') ?? '').replace('cpu  1759023', 'cpu  1759323').replace('3447793', '3448493'),
    );
    expect(await extract('cpu', 'float', machine, { memory })).toBe(30);
  });

  it('nic rates: a second since it was asked last, and from the start again where a counter was reset', async () => {
    const machine = dom0();
    const memory = new Map<string, number>();
    await extract('nic eth0 rx_bytes_rate', 'float', machine, { memory, monoMs: 1000 });
    machine.files.set('/sys/class/net/eth0/statistics/rx_bytes', '28350940\n');
    expect(await extract('nic eth0 rx_bytes_rate', 'float', machine, { memory, monoMs: 5000 })).toBe(2500);
    machine.files.set('/sys/class/net/eth0/statistics/rx_bytes', '28340.94\n');
    expect(await extract('nic eth0 rx_bytes_rate', 'float', machine, { memory, monoMs: 6000 })).toBe(1);
  });

  it.each([
    ['ram Nothing', '/proc/meminfo has no line Nothing'],
    ['disk /nowhere', 'there is no /nowhere on this machine'],
    ['nic eth7', 'there is no interface eth7; there are eth0,'],
    ['nic xenbr0 duplex', 'interface xenbr0 says no duplex now'],
    ['dmi board_serial', "this machine's firmware says no board_serial"],
    ['xen nothing', 'xl info has no line nothing; it has host, release'],
    ['cpu mhz', ''],
  ])('%s: says why there is no value', async (text, reason) => {
    const machine = dom0();
    if (text === 'cpu mhz') machine.files.delete('/proc/cpuinfo');
    await expect(extract(text, 'string', machine)).rejects.toThrow(reason);
  });

  it('xen cpu_busy: of all processors and domains since it was asked last, also where domains came and went', async () => {
    const machine = dom0();
    const memory = new Map<string, number>();
    const table = (rows: string): void =>
      void machine.answers.set('xl table', `Name                                        ID   Mem VCPUs\tState\tTime(s)\n${rows}`);
    const busyAt = (monoMs: number): Promise<unknown> => extract('xen cpu_busy', 'float', machine, { memory, monoMs });
    machine.answers.set('xl info', 'nr_cpus                : 2\n');
    table(
      'Domain-0                                     0   512     1     r-----      95.1\nworker-1                                     3   128     2     -b----     471.7\n',
    );
    expect(await busyAt(1000)).toBe(1);
    table(
      'Domain-0                                     0   512     1     r-----      96.1\nworker-1                                     3   128     2     -b----     476.7\n',
    );
    expect(await busyAt(11_000)).toBe(30);
    table(
      'Domain-0                                     0   512     1     r-----      97.1\n(null)                                       4   128     2     --p---       3.0\n',
    );
    expect(await busyAt(21_000)).toBe(20);
  });

  it('xen: reads what Xen 4.20 wrote on a Dom0 of the lab', async () => {
    const machine = new RecordedMachine();
    machine.answers.set('xl info', recorded('info.txt'));
    machine.answers.set('xl list', recorded('list-l.json'));
    machine.answers.set('xl table', recorded('list.txt'));
    expect(await extract('xen free_memory', 'int', machine)).toBe(1003);
    expect(await extract('xen xen_version', 'string', machine)).toBe('4.20.5-pre');
    const domains = await extract('xen domains', 'list', machine);
    expect(domains).toMatchObject([{ name: 'worker-1', domid: 1, uuid: '6b4d1b0a-1111-4222-8333-444455556666', memoryMib: 128 }]);
    expect(await extract('xen domain_count', 'int', machine)).toBe(1);
    expect(await extract('xen cpu_busy', 'float', machine)).toBeGreaterThanOrEqual(0);
  });

  it('xen: says so where xl does not write what it should', async () => {
    const machine = dom0();
    machine.answers.set('xl list', 'libxl: error');
    await expect(extract('xen domains', 'list', machine)).rejects.toThrow('xl list -l did not write JSON');
    machine.answers.set('xl list', '{}');
    await expect(extract('xen domains', 'list', machine)).rejects.toThrow('did not write a list');
  });

  it.each([
    ['ram', ['MemFree', 'MB'], 'there is no unit MB; there are KiB, MiB, GiB'],
    ['ram', ['../x'], 'expected a line of /proc/meminfo'],
    ['cpu', ['temperature'], 'there is no "temperature"; there are busy, user'],
    ['load', ['1', '5'], 'expected one parameter, found 2'],
    ['uptime', ['x'], 'it takes no parameters'],
    ['disk', ['srv'], 'expected a path from / on'],
    ['disk', ['/srv/../etc'], 'expected a path from / on'],
    ['disk', ['/', 'inodes'], 'there is no "inodes"; there are free, used, total, percent'],
    ['nic', ['../../../etc'], 'expected an interface such as eth0'],
    ['nic', ['eth0', 'address/../../x'], 'there is no "address/../../x"'],
    ['dmi', ['../../etc/shadow'], 'there is no "../../etc/shadow"'],
    ['kernel', ['cmdline'], 'there is no "cmdline"; there are release'],
    ['xen', [], 'expected info, domains'],
    ['xen', ['free memory'], 'expected a line of xl info'],
    ['exec', [], 'expected a script of the plugin folder'],
    ['exec', ['../evil.sh'], 'expected the name of a file in the plugin folder'],
    ['exec', ['/bin/sh'], 'expected the name of a file in the plugin folder'],
  ])('%s %j is refused before it is extracted', (name, parameters, problem) => {
    expect(propertyCommands.get(name)?.problem(parameters)).toContain(problem);
  });
});

describe('a value', () => {
  it.each<[PropertyType, unknown, unknown]>([
    ['int', ' 42\n', 42],
    ['int', 42.9, 42],
    ['float', '-1.5e3', -1500],
    ['string', ' ok \n', 'ok'],
    ['string', 7, '7'],
    ['bool', 'Yes\n', true],
    ['bool', '0', false],
    ['bool', 'up', true],
    ['list', 'sda\nsdb\n', ['sda', 'sdb']],
    ['list', '[1, "a"]', [1, 'a']],
    ['list', '', []],
    ['object', 'state: ok\ndisks = 4\n', { state: 'ok', disks: '4' }],
    ['object', '{"a": {"b": 1}}', { a: { b: 1 } }],
    ['object', '', {}],
  ])('of type %s is read from %j', (type, raw, value) => {
    expect(valueOfType(type, raw)).toEqual(value);
  });

  it.each<[PropertyType, unknown, string]>([
    ['int', 'many', 'expected int, found "many'],
    ['int', '1.5', 'expected int, found "1.5"'],
    ['int', '99999999999999999999', 'expected int'],
    ['float', 'NaN', 'expected float, found "NaN"'],
    ['bool', 'maybe', 'expected bool, found "maybe"'],
    ['list', '[1,', 'expected list, found "[1,"'],
    ['object', 'no pairs', 'expected object, found "no pairs"'],
    ['object', '[1]', 'expected object'],
    ['string', { a: 1 }, 'expected string, found an object'],
    ['string', 'x'.repeat(70_000), 'it has 69 KiB, a value has at most 64'],
    ['list', `${'['.repeat(30)}${']'.repeat(30)}`, 'nested more than 16 deep'],
    ['list', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'nested more than 16 deep'],
  ])('that is no %s is told apart: %.40j', (type, raw, problem) => {
    expect(() => valueOfType(type, raw)).toThrow(problem);
  });
});
