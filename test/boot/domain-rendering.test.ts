import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDomainConfig } from '../../src/agent/domain-config.ts';
import {
  checkDomains,
  domainTemplateUses,
  environmentAsUser,
  previewDomain,
  renderDomain,
  sampleVm,
} from '../../src/boot/domain-rendering.ts';
import { TemplateSet } from '../../src/boot/template-set.ts';
import type { VmEnvironment, VmStorage } from '../../src/model/vm-environment.ts';
import type { Vm } from '../../src/model/vm.ts';
import { shippedTemplates } from './rig.ts';

const fixtures = join(import.meta.dirname, '../fixtures/boot');
const read = await TemplateSet.read(shippedTemplates);
if (!(read instanceof TemplateSet)) throw new Error(JSON.stringify(read));
const shipped = read;

const gateway: VmEnvironment = {
  name: 'gateway',
  instances: 'at-most-one',
  image: 'gateway',
  template: 'domu.xl',
  kernelArguments: ['mitigations=off'],
  memoryMib: 128,
  vcpus: 1,
  networks: [
    { bridge: 'xenbr0', address: 'dhcp', mac: 'derived' },
    { bridge: 'farm', vlan: 12, address: '10.12.0.1/24', mac: '52:54:00:12:00:01' },
  ],
  storage: [],
  count: { min: 1, max: 1 },
  constraints: { labels: {}, spread: false, apartFrom: [], excludes: [] },
  priority: 0,
  readySeconds: 120,
  paused: false,
  parameters: {},
};
const worker: VmEnvironment = {
  ...gateway,
  name: 'worker',
  instances: 'at-least-one',
  image: 'worker',
  networks: [{ bridge: 'farm', address: '10.12.0.10-10.12.0.99/24', gateway: '10.12.0.1', mac: 'derived' }],
  parameters: { PING: '10.12.0.1', type: 'pvh', quiet: false },
};

function configOf(environment: VmEnvironment, vm: Vm = sampleVm(environment)): string {
  const rendered = renderDomain(shipped, vm, environment, 'post01');
  if ('problem' in rendered) throw new Error(rendered.problem);
  return rendered.config;
}

function problemOf(environment: VmEnvironment, vm: Vm = sampleVm(environment), templates = shipped): string {
  const rendered = renderDomain(templates, vm, environment, 'post01');
  return 'problem' in rendered ? rendered.problem : `no problem:\n${rendered.config}`;
}

function diskOf(disk: VmStorage, parameters: VmEnvironment['parameters'] = {}): string | undefined {
  return /^disk = \[\n {2}(.*),\n\]$/m.exec(configOf({ ...worker, storage: [disk], parameters }))?.[1];
}

describe('the shipped domu.xl gives exactly', () => {
  it.each([
    ['domu-gateway.cfg', gateway],
    ['domu-worker.cfg', worker],
    [
      'domu-storage.cfg',
      {
        ...worker,
        storage: [
          { kind: 'nfs', source: '192.168.0.5:/images/dom0@3' },
          { kind: 'file', path: '/srv/vm.img', device: 'xvda', writable: true },
          { kind: 'block', path: '/dev/vg/data', device: 'xvdb', writable: false },
        ],
      } satisfies VmEnvironment,
    ],
  ] as const)('%s', async (golden, environment) => {
    await expect(configOf(environment)).toMatchFileSnapshot(join(fixtures, golden));
  });
});

it('a VM with an NFS root and no source has the root of its own image, from the server of its host', () => {
  expect(configOf({ ...worker, storage: [{ kind: 'nfs' }] })).toMatch(
    /^extra = ".* nfsroot=\{server\}:\/images\/worker(?:@\d+)?,v3,tcp ro /m,
  );
});

describe('a disk is written as xl-disk-configuration(5) has it', () => {
  const own = { device: 'xvda', writable: true } as const;
  it.each([
    ['a file', { kind: 'file', path: '/srv/a.img', ...own }, {}, '"format=raw,vdev=xvda,access=rw,target=/srv/a.img"'],
    ['a qcow2 file', { kind: 'file', path: '/srv/a.qcow2', ...own }, {}, '"format=qcow2,vdev=xvda,access=rw,target=/srv/a.qcow2"'],
    [
      'a block device that it may only read',
      { kind: 'block', path: '/dev/vg/a', device: 'xvda1', writable: false },
      {},
      '"format=raw,vdev=xvda1,access=ro,target=/dev/vg/a"',
    ],
    [
      "iSCSI's LUN 0, by Xen's own script",
      { kind: 'iscsi', portal: '10.0.0.2', target: 'iqn.2008-01.example:vm1', lun: 0, ...own },
      {},
      '"script=block-iscsi,vdev=xvda,access=rw,target=iqn=iqn.2008-01.example:vm1,portal=10.0.0.2"',
    ],
    [
      "another LUN, which the script does not know, by udev's name",
      { kind: 'iscsi', portal: '10.0.0.2', target: 'iqn.2008-01.example:vm1', lun: 3, ...own },
      {},
      '"format=raw,vdev=xvda,access=rw,target=/dev/disk/by-path/ip-10.0.0.2:3260-iscsi-iqn.2008-01.example:vm1-lun-3"',
    ],
    ['AoE', { kind: 'aoe', shelf: 7, slot: 2, ...own }, {}, '"format=raw,vdev=xvda,access=rw,target=/dev/etherd/e7.2"'],
    [
      'RBD, opened by QEMU',
      { kind: 'rbd', pool: 'vms', image: 'vm1', ...own },
      {},
      '"format=raw,backendtype=qdisk,vdev=xvda,access=rw,target=rbd:vms/vm1"',
    ],
    [
      'RBD that the Dom0 has mapped',
      { kind: 'rbd', pool: 'vms', image: 'vm1', ...own },
      { rbdMapped: true },
      '"format=raw,vdev=xvda,access=rw,target=/dev/rbd/vms/vm1"',
    ],
  ] as const satisfies readonly (readonly [string, VmStorage, VmEnvironment['parameters'], string])[])(
    '%s',
    (_, disk, parameters, wanted) => {
      expect(diskOf(disk, parameters)).toBe(wanted);
    },
  );
});

describe('what could say something else than was meant is a problem that names the place', () => {
  const disk = { kind: 'file', path: '/srv/a.img', device: 'xvda', writable: true } as const;
  const [card] = sampleVm(worker).cards;
  it.each([
    ['a comma in a path', { storage: [{ ...disk, path: '/srv/a.img,script=/tmp/x' }] }, /domu-disk\.hbs:\d+: .*commas.*\(VM worker-1\)/],
    ['a blank in a pool', { storage: [{ kind: 'rbd', pool: 'a b', image: 'c', device: 'xvda', writable: true }] }, /domu-disk\.hbs/],
    ['a device that is none', { storage: [{ ...disk, device: 'xvda,script=x' }] }, /is no disk of a VM: say xvda/],
    ['one device twice', { storage: [disk, disk] }, /two disks are called xvda/],
    [
      'two NFS roots',
      {
        storage: [
          { kind: 'nfs', source: 'a:/b' },
          { kind: 'nfs', source: 'a:/c' },
        ],
      },
      /at most one NFS root/,
    ],
    ['a line break in an argument', { kernelArguments: ['a\non_reboot = "restart"'] }, /domu-arguments\.hbs:\d+: words: a line break/],
    ['an open quote in an argument', { kernelArguments: ['note="open'] }, /domu\.xl\.hbs:\d+: xlCfg: a double quote is not closed/],
    ['a quote in a variable', { parameters: { NOTE: 'a"b' } }, /domu-arguments\.hbs:\d+: kernelArgument: .*double quote/],
    ['a template that is not there', { template: 'nothing' }, /nothing\.hbs:1: there is no such template/],
  ] as const satisfies readonly (readonly [string, Partial<VmEnvironment>, RegExp])[])('%s', (_, fields, wanted) => {
    expect(problemOf({ ...worker, ...fields })).toMatch(wanted);
  });

  it.each([
    ['a bridge', { ...card, bridge: 'x,script=/tmp/x' }],
    ['a MAC', { ...card, mac: '52:54:00:00:00:01,backend=other' }],
  ])('%s with a comma', (_, changed) => {
    const vm = sampleVm(worker);
    expect(problemOf(worker, { ...vm, cards: [{ bridge: 'farm', mac: '', address: 'dhcp', ...changed }] })).toMatch(
      /domu\.xl\.hbs:\d+: xlPart: .*commas/,
    );
  });

  it('quotes and backslashes within a string are escaped as libxlu reads them', () => {
    const set = TemplateSet.parse(new Map([['x', '{{xlCfg vm.name}} {{#xlCfg}}a  "b c"\n\\d{{/xlCfg}}']]));
    const rendered =
      set instanceof TemplateSet ? renderDomain(set, { ...sampleVm(worker), name: 'a"b\\' }, { ...worker, template: 'x' }, 'h') : set;
    expect(rendered).toEqual({ config: String.raw`"a\"b\\" "a \"b c\" \\d"` });
  });

  it('a config that no message to an agent holds', () => {
    const set = TemplateSet.parse(new Map([['x', 'x'.repeat(65 * 1024)]]));
    expect(set instanceof TemplateSet && problemOf({ ...worker, template: 'x' }, undefined, set)).toMatch(/more than 65536 bytes/);
  });
});

describe('every xl.cfg leaves starts to the agent', () => {
  it.each([gateway, worker])('$name: a domain that ends is gone, however it ended', (environment) => {
    const ends = configOf(environment).match(/^on_\w+ = .*$/gm);
    expect(ends).toEqual(['on_poweroff', 'on_reboot', 'on_crash', 'on_watchdog'].map((end) => `${end} = "destroy"`));
  });
});

const disks: readonly VmStorage[] = [
  { kind: 'file', path: '/srv/a.qcow2', device: 'xvda', writable: true },
  { kind: 'block', path: '/dev/vg/a', device: 'xvdb', writable: false },
  { kind: 'iscsi', portal: '10.0.0.2', target: 'iqn.2008-01.example:vm1', lun: 0, device: 'xvdc', writable: true },
  { kind: 'iscsi', portal: '10.0.0.2', target: 'iqn.2008-01.example:vm1', lun: 1, device: 'xvdd', writable: true },
  { kind: 'aoe', shelf: 7, slot: 2, device: 'xvde', writable: true },
  { kind: 'rbd', pool: 'vms', image: 'vm1', device: 'xvdf', writable: true },
];

it.each<[string, VmEnvironment]>([
  ['gateway', gateway],
  ['worker', worker],
  ['all kinds of storage', { ...worker, storage: [...disks, { kind: 'nfs', source: '192.168.0.5:/images/dom0@3' }] }],
  ['words in quotes', { ...worker, kernelArguments: ['note="two words"', String.raw`a\b`] }],
  ['another script for its cards', { ...worker, parameters: { vifScript: 'vif-openvswitch', rbdMapped: true } }],
])('an agent lets through what the shipped domu.xl makes of %s', (_, environment) => {
  const { name, uuid } = sampleVm(environment);
  expect(readDomainConfig(configOf(environment), { name, uuid, files: ['vmlinuz', 'initrd.gz'] })).toMatchObject({ kind: 'config' });
});

describe('environments among the users of templates', () => {
  const broken = TemplateSet.parse(new Map([['domu.xl', 'a\n{{vm.serial}}']]));
  if (!(broken instanceof TemplateSet)) throw new Error('the template cannot be read');
  const environments = [gateway, { ...worker, template: 'menu' }];

  it('are told by a name that no machine has', () => {
    expect(domainTemplateUses([gateway])).toEqual([
      { profile: 'environment:gateway', templates: ['domu.xl'], machines: ['environment:gateway'] },
    ]);
  });

  it('are checked with a sample VM, only those that use the templates in question', () => {
    expect(checkDomains(broken, environments, new Set(['domu.xl']))).toEqual([
      {
        template: 'domu.xl.hbs',
        line: 2,
        variable: 'vm.serial',
        machine: 'environment:gateway',
        message: 'vm.serial is missing',
      },
    ]);
    expect(checkDomains(shipped, [gateway, worker])).toEqual([]);
  });

  it('are previewed as a sample VM', () => {
    const preview = previewDomain(shipped, [worker], environmentAsUser(worker), 'domu.xl');
    expect(preview).toEqual({
      kind: 'files',
      files: [{ path: 'worker-1.cfg', template: 'domu.xl', bytes: Buffer.from(configOf(worker)) }],
    });
    expect(previewDomain(shipped, [worker], 'post01')).toBeUndefined();
    expect(previewDomain(broken, [worker], environmentAsUser(worker))).toMatchObject({ kind: 'failed' });
    expect(previewDomain(shipped, [worker], environmentAsUser(worker), 'menu.lst')).toMatchObject({ kind: 'failed' });
  });
});
