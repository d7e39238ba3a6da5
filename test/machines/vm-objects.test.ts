import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { checkExpression } from '../../src/expression-checks.ts';
import { CapturedLog } from '../../src/log.ts';
import { ObjectBook } from '../../src/machines/object-book.ts';
import type { ObjectDocument } from '../../src/machines/object-store.ts';
import { readObjectsText } from '../../src/machines/objects-file.ts';
import { parseDocument } from '../../src/machines/objects.ts';
import { bookOf, machineDocument } from './book-rig.ts';
import { MemoryObjectStore } from './memory-object-store.ts';
import { documents, machine, problemsOf, profile, subnet } from './lab-texts.ts';

const worker = 'kind: Environment\nname: worker\ninstances: at-least-one\nimage: worker\nmemoryMib: 512\ncount: { min: 0, max: 5 }\n';
const gateway = 'kind: Environment\nname: gateway\ninstances: at-most-one\nimage: gateway\nmemoryMib: 256\ncount: 1\n';
const role = 'kind: Role\nname: farm\nenvironments: [worker]\nnetworks: [{ bridge: br12, vlan: 12 }]\n';
const trigger = 'kind: Trigger\nname: busy\nexpr: "true"\n';

function card(environment: string, network: string): string {
  return `${environment}networks: [{ ${network} }]\n`;
}

function disk(environment: string, storage: string): string {
  return `${environment}storage: [{ ${storage} }]\n`;
}

function cmd(command: string): string {
  return documents(worker, `${trigger}cmd: { ${command} }\n`);
}

/** One fault a row: the object file, and the one problem that it has, without its place. */
const faults: readonly (readonly [rule: string, lab: string, problem: string])[] = [
  [
    'a name that is too long for NAME-1000 to be a host name',
    worker.replace('worker', 'w'.repeat(53)),
    `Environment ${'w'.repeat(53)}: name: expected a name of lower-case letters, digits and dashes, at most 52 characters, found "${'w'.repeat(53)}"`,
  ],
  [
    'a count that is text',
    worker.replace('{ min: 0, max: 5 }', 'many'),
    'Environment worker: count: expected a whole number from 0 to 1000, or min and max, found "many"',
  ],
  [
    'a count whose min is above its max',
    worker.replace('min: 0', 'min: 6'),
    'Environment worker: count: expected min below max, found 6 and 5',
  ],
  [
    'a count with another key',
    worker.replace('min: 0', 'mni: 0'),
    'Environment worker: count: expected a whole number from 0 to 1000, or min and max, found a block of keys',
  ],
  [
    'an address that is the network',
    card(gateway, 'address: 10.12.0.0/24'),
    'Environment gateway: networks[0].address: expected dhcp, none, an address such as 10.12.0.1/24 or a range such as 10.12.0.10-10.12.0.99/24, found "10.12.0.0/24"',
  ],
  [
    'a range that ends outside its network',
    card(worker, 'address: 10.12.0.10-10.12.1.9/24'),
    'Environment worker: networks[0].address: expected dhcp, none, an address such as 10.12.0.1/24 or a range such as 10.12.0.10-10.12.0.99/24, found "10.12.0.10-10.12.1.9/24"',
  ],
  [
    'a range that is too small for its count',
    card(worker, 'address: 10.12.0.10-10.12.0.13/24'),
    'Environment worker: networks[0].address: expected room for 5 VMs, as count says, found 10.12.0.10-10.12.0.13/24 with 4',
  ],
  [
    'a fixed address where two VMs may have it at once',
    card(worker.replace('{ min: 0, max: 5 }', '1'), 'address: 10.12.0.1/24'),
    'Environment worker: networks[0].address: expected dhcp, none or a range: a fixed address is for instances: at-most-one, or two VMs could have it at once',
  ],
  [
    'a fixed address of two VMs',
    card(gateway.replace('count: 1', 'count: 2'), 'address: 10.12.0.1/24'),
    'Environment gateway: networks[0].address: expected room for 2 VMs, as count says, found 10.12.0.1/24 with 1',
  ],
  [
    'a fixed MAC address of two VMs',
    card(gateway.replace('count: 1', 'count: 2'), 'mac: "00:16:3e:00:00:01"'),
    'Environment gateway: networks[0].mac: expected derived: a fixed MAC address is for instances: at-most-one with count 1, found at-most-one with 2',
  ],
  [
    'a fixed MAC address where two VMs may have it at once',
    card(worker.replace('{ min: 0, max: 5 }', '1'), 'mac: "00:16:3e:00:00:01"'),
    'Environment worker: networks[0].mac: expected derived: a fixed MAC address is for instances: at-most-one with count 1, found at-least-one with 1',
  ],
  [
    'a MAC address of a group (IEEE 802, 8.2.2)',
    card(gateway, 'mac: "01:16:3e:00:00:01"'),
    'Environment gateway: networks[0].mac: expected derived or a MAC address of one card such as 00:16:3e:00:00:01, found "01:16:3e:00:00:01"',
  ],
  [
    'a gateway outside the network',
    card(gateway, 'address: 10.12.0.2/24, gateway: 10.13.0.1'),
    'Environment gateway: networks[0].gateway: expected an address in 10.12.0.0/24, found 10.13.0.1',
  ],
  [
    'a VM that is its own gateway',
    card(gateway, 'address: 10.12.0.2/24, gateway: 10.12.0.2'),
    'Environment gateway: networks[0].gateway: expected an address outside 10.12.0.2/24, found 10.12.0.2',
  ],
  [
    'a gateway beside DHCP',
    card(gateway, 'gateway: 10.13.0.1'),
    'Environment gateway: networks[0].gateway: expected none with address: dhcp',
  ],
  [
    'two default gateways',
    card(gateway, 'address: 10.12.0.2/24, gateway: 10.12.0.1 }, { address: 10.13.0.2/24, gateway: 10.13.0.1'),
    'Environment gateway: networks[1].gateway: expected one default gateway, another card has one already',
  ],
  [
    'a VLAN on the bridge that the Dom0 booted through',
    card(gateway, 'vlan: 12'),
    'Environment gateway: networks[0].vlan: expected none: xenbr0 is the network that the Dom0 booted through; a VLAN has a bridge of its own, from a Role',
  ],
  [
    'more cards than Xen is asked for',
    card(gateway, Array.from({ length: 9 }, () => 'bridge: xenbr0').join(' }, { ')),
    'Environment gateway: networks: expected at most 8, found 9',
  ],
  [
    'addresses that overlap those of another environment on one network',
    documents(
      card(gateway, 'bridge: br12, vlan: 12, address: 10.12.0.12/24'),
      card(worker, 'bridge: br12, address: 10.12.0.10-10.12.0.20/24'),
    ),
    'Environment worker: networks[0].address: expected addresses of its own, 10.12.0.12 is in 10.12.0.12/24 of Environment gateway on VLAN 12',
  ],
  [
    'addresses of one VLAN behind two bridges',
    documents(
      card(gateway, 'bridge: br12, vlan: 12, address: 10.12.0.12/24'),
      card(worker, 'bridge: vlan12, vlan: 12, address: 10.12.0.10-10.12.0.20/24'),
    ),
    'Environment worker: networks[0].address: expected addresses of its own, 10.12.0.12 is in 10.12.0.12/24 of Environment gateway on VLAN 12',
  ],
  [
    'addresses of the pool of a subnet',
    documents(`${subnet}pool: 192.168.0.100-192.168.0.199\n`, card(gateway, 'address: 192.168.0.150/24')),
    'Environment gateway: networks[0].address: expected addresses of its own, 192.168.0.150 is in the pool of Subnet lab',
  ],
  [
    'the address of a machine',
    documents(subnet, profile, machine, card(gateway, 'address: 192.168.0.11/24')),
    'Environment gateway: networks[0].address: expected addresses of its own, 192.168.0.11 is in 192.168.0.11 of Machine post01',
  ],
  [
    'the MAC address of a machine',
    documents(subnet, profile, card(gateway, 'mac: "52:54:00:00:00:01"'), machine),
    'Machine post01: nics[0].mac: expected a MAC address of its own, 52:54:00:00:00:01 belongs to Environment gateway',
  ],
  [
    'one bridge on two VLANs',
    documents(worker, role, card(gateway, 'bridge: br12, vlan: 13')),
    'Environment gateway: networks[0].vlan: expected bridge br12 on VLAN 12, since Role farm has it on VLAN 12, found on VLAN 13',
  ],
  [
    'one bridge tagged and untagged',
    documents(worker, role, 'kind: Role\nname: other\nnetworks: [{ bridge: br12 }]\n'),
    'Role other: networks[0].vlan: expected bridge br12 on VLAN 12, since Role farm has it on VLAN 12, found untagged',
  ],
  [
    'two bridges on one VLAN of one interface',
    'kind: Role\nname: other\nnetworks: [{ bridge: a, vlan: 12 }, { bridge: b, vlan: 12 }]\n',
    'Role other: networks[1].vlan: expected one bridge on the NIC that the host booted by, VLAN 12; another stands above',
  ],
  [
    'a bridge twice',
    'kind: Role\nname: other\nnetworks: [{ bridge: a, nic: eth1 }, { bridge: a, nic: eth2 }]\n',
    'Role other: networks[1].bridge: expected a name of its own, a stands above already',
  ],
  [
    'another place for the bridge that the Dom0 booted through',
    'kind: Role\nname: other\nnetworks: [{ bridge: xenbr0, nic: eth1 }]\n',
    'Role other: networks[0].bridge: expected another name: xenbr0 is the bridge that the Dom0 booted through, and stays as it is',
  ],
  [
    'a disk that two VMs write',
    disk(worker, 'kind: rbd, pool: vms, image: a, device: xvda, writable: true'),
    'Environment worker: storage[0].writable: expected false: two VMs that write one disk destroy it; it is for instances: at-most-one with count 1, found at-least-one with 5',
  ],
  [
    'a disk that another environment writes',
    documents(
      disk(gateway, 'kind: rbd, pool: vms, image: a, device: xvda, writable: true'),
      disk(worker, 'kind: rbd, pool: vms, image: a, device: xvda'),
    ),
    'Environment worker: storage[0]: expected a disk of its own, rbd vms/a is written by Environment gateway',
  ],
  [
    'a device twice',
    disk(gateway, 'kind: block, path: /dev/a, device: xvda }, { kind: aoe, shelf: 1, slot: 2, device: xvda'),
    'Environment gateway: storage[1].device: expected one of its own, xvda stands above already',
  ],
  [
    'a disk without the key of its kind',
    disk(gateway, 'kind: iscsi, portal: 10.0.0.1, device: xvda'),
    'Environment gateway: storage[0].target: missing: kind iscsi has one',
  ],
  [
    'a disk with a key of another kind',
    disk(gateway, 'kind: nfs, source: "10.0.0.1:/root", device: xvda'),
    'Environment gateway: storage[0].device: expected none, kind nfs has source',
  ],
  [
    'a path that would be two in an xl.cfg',
    disk(gateway, 'kind: block, path: "/dev/a,b", device: xvda'),
    'Environment gateway: storage[0].path: expected an absolute path without spaces, quotes, commas and brackets, found "/dev/a,b"',
  ],
  [
    'a kernel argument that virtdom writes',
    `${gateway}kernelArguments: [virtdom.env.A=1, virtdom.name=x]\n`,
    'Environment gateway: kernelArguments[1]: expected none that virtdom writes itself; its own begin with virtdom.env.',
  ],
  [
    'a kernel argument with a quote',
    `${gateway}kernelArguments: ['a="b"']\n`,
    'Environment gateway: kernelArguments[0]: expected no quotes, backslashes and braces: it stands in an xl.cfg',
  ],
  [
    'an environment to be kept apart from that there is not',
    `${documents(worker, gateway)}constraints: { excludes: [workr] }\n`,
    'Environment gateway: constraints.excludes[0]: expected the name of an Environment, there is no workr (did you mean worker?)',
  ],
  [
    'a role for an environment that there is not',
    documents(gateway, role.replace('br12', 'b')),
    'Role farm: environments[0]: expected the name of an Environment, there is no worker',
  ],
  [
    'a role with an environment twice',
    documents(worker, role.replace('[worker]', '[worker, worker]')),
    'Role farm: environments[1]: expected each once, worker stands above already',
  ],
  [
    'a role that matches without a condition',
    documents(worker, `${role}match: {}\n`),
    'Role farm: match: expected labels or when; it would match every host',
  ],
  [
    'a machine of a role that there is not',
    documents(subnet, profile, worker, role, `${machine}role: frm\n`),
    'Machine post01: role: expected the name of a Role, there is no frm (did you mean farm?)',
  ],
  [
    'a command that there is not',
    cmd('command: shell'),
    'Trigger busy: cmd.command: expected query, scale, assign-role, drain, power or notify, found "shell"',
  ],
  ['a command without what it needs', cmd('command: notify'), 'Trigger busy: cmd.message: missing: command notify has one'],
  [
    'a command with what another one has',
    cmd('command: notify, message: x, environment: worker'),
    'Trigger busy: cmd.environment: expected none, command notify has message, severity',
  ],
  ['a scaling to and by', cmd('command: scale, environment: worker, to: 1, by: 1'), 'Trigger busy: cmd: expected one of to and by'],
  [
    'a scaling beyond what there may be',
    cmd('command: scale, environment: worker, to: 6'),
    'Trigger busy: cmd.to: expected 0 to 5, as Environment worker says, found 6',
  ],
  [
    'a scaling of what is fixed',
    documents(cmd('command: scale, environment: gateway, by: 1'), gateway),
    'Trigger busy: cmd.environment: expected one whose count has min and max, gateway has always 1',
  ],
  [
    'a scaling of what there is not',
    cmd('command: scale, environment: workers, by: 1'),
    'Trigger busy: cmd.environment: expected the name of an Environment, there is no workers (did you mean worker?)',
  ],
  [
    'a drain of nobody',
    cmd('command: drain'),
    'Trigger busy: cmd.machine: missing: expected a machine, or forEach: agent, which means that agent',
  ],
  [
    'a drain of a machine that there is not',
    cmd('command: drain, machine: post01'),
    'Trigger busy: cmd.machine: expected the name of a Machine, there is no post01',
  ],
  [
    'a role to assign that there is not',
    `${cmd('command: assign-role, role: farm')}forEach: agent\n`,
    'Trigger busy: cmd.role: expected the name of a Role, there is no farm',
  ],
  [
    'a trigger that is never evaluated',
    `${cmd('command: notify, message: x')}ticks: 0\n`,
    'Trigger busy: ticks: expected at least 1, or onUpdateCheck: true; it would never be evaluated',
  ],
  [
    'both names of one key',
    `${cmd('command: notify, message: x')}onUpdateCheck: true\non_update_check: true\n`,
    'Trigger busy: on_update_check: expected one of onUpdateCheck and on_update_check, they mean the same',
  ],
];

describe('the example of a farm', () => {
  it('is right by itself, and for who has to understand its expressions', () => {
    const lab = ['lab', 'farm'].map((name) => readFileSync(join(import.meta.dirname, `../../docs/examples/${name}.example.yaml`), 'utf8'));
    expect(problemsOf(documents(...lab))).toEqual([]);
    const { documents: all } = readObjectsText(documents(...lab), 'lab.yaml');
    const triggers = all.flatMap((document) => (document.kind === 'Trigger' ? (parseDocument('Trigger', document).object ?? []) : []));
    expect(triggers.map((each) => checkExpression({ kind: 'trigger', trigger: each }))).toEqual([[], []]);
    const roles = all.flatMap((document) => (document.kind === 'Role' ? (parseDocument('Role', document).object ?? []) : []));
    const properties = roles.flatMap((each) => each.properties);
    expect(properties.map((property) => checkExpression({ kind: 'property', property }))).toEqual([[]]);
  });
});

describe('environments, roles and triggers', () => {
  it.each(faults)('are refused for %s, with what was expected', (_, lab, problem) => {
    expect(problemsOf(lab).map((each) => each.replace(/^lab\.yaml:\d+:\d+: /, ''))).toEqual([problem]);
  });

  it('may have the same addresses on networks that do not meet', () => {
    const lab = documents(
      card(gateway, 'bridge: br12, vlan: 12, address: 10.12.0.12/24'),
      card(worker, 'bridge: br13, vlan: 13, address: 10.12.0.10-10.12.0.20/24'),
    );
    expect(problemsOf(lab)).toEqual([]);
  });

  it('let a machine have any role as long as there are no Roles', () => {
    expect(problemsOf(documents(subnet, profile, `${machine}role: worker\n`))).toEqual([]);
  });
});

const minimal = { kind: 'Environment', name: 'worker', instances: 'at-least-one', image: 'worker', memoryMib: 512, count: 2 } as const;

describe('a document', () => {
  it('of an environment means the same with its defaults written out', () => {
    expect(parseDocument('Environment', minimal)).toEqual({
      problems: [],
      object: {
        name: 'worker',
        instances: 'at-least-one',
        image: 'worker',
        template: 'domu.xl',
        kernelArguments: [],
        memoryMib: 512,
        vcpus: 1,
        networks: [],
        storage: [],
        count: { min: 2, max: 2 },
        constraints: { labels: {}, spread: false, apartFrom: [], excludes: [] },
        priority: 0,
        readySeconds: 120,
        paused: false,
        parameters: {},
      },
    });
  });

  it('of a network card or a disk likewise', () => {
    const document = {
      ...minimal,
      networks: [{}, { bridge: 'br12', vlan: 12, address: 'none', mac: '00-16-3E-00-00-0A' }],
      storage: [
        { kind: 'nfs', source: '10.0.0.1:/root' },
        { kind: 'iscsi', portal: '10.0.0.1', target: 'iqn.x', device: 'xvda' },
      ],
    };
    expect(parseDocument('Environment', document).object).toMatchObject({
      networks: [
        { bridge: 'xenbr0', address: 'dhcp', mac: 'derived' },
        { bridge: 'br12', vlan: 12, address: 'none', mac: '00:16:3e:00:00:0a' },
      ],
      storage: [
        { kind: 'nfs', source: '10.0.0.1:/root' },
        { kind: 'iscsi', portal: '10.0.0.1', target: 'iqn.x', lun: 0, device: 'xvda', writable: false },
      ],
    });
  });

  it('of a role has what a host is given', () => {
    expect(parseDocument('Role', { kind: 'Role', name: 'farm' }).object).toEqual({
      name: 'farm',
      environments: [],
      networks: [],
      labels: {},
      properties: [],
      reserveMib: 0,
      vcpusPerCpu: 4,
      priority: 0,
    });
  });

  it('of a trigger may name its keys as the first virtdom did', () => {
    const document = {
      kind: 'Trigger',
      name: 'busy',
      expr: 'true',
      cmd: { command: 'notify', message: 'x' },
      on_update_check: true,
      ticks: 0,
    };
    expect(parseDocument('Trigger', document).object).toEqual({
      name: 'busy',
      expr: 'true',
      forEach: 'once',
      cmd: { command: 'notify', severity: 'info', message: 'x' },
      ticks: 0,
      onUpdateCheck: true,
      quietSeconds: 300,
      paused: false,
    });
  });
});

const objects: readonly ObjectDocument[] = [
  { ...minimal, count: { min: 1, max: 5 } },
  { kind: 'Role', name: 'farm', environments: ['worker'] },
  machineDocument(1, { role: 'farm' }),
  { kind: 'Trigger', name: 'busy', expr: 'true', cmd: { command: 'scale', environment: 'worker', to: 5 } },
  { kind: 'Trigger', name: 'night', expr: 'true', cmd: { command: 'drain', machine: 'post01' } },
  { kind: 'Subnet', name: 'lab', cidr: '192.168.0.0/16', interface: 'eth1' },
];

describe('the book', () => {
  it('has them as lists of what they mean', async () => {
    const { book } = await bookOf(...objects);
    const { environments, roles, triggers } = book.current;
    expect([environments, roles, triggers].map((list) => list.map(({ name }) => name))).toEqual([['worker'], ['farm'], ['busy', 'night']]);
  });

  it.each([
    ['Environment', 'worker', 'in use by Role farm and 1 more; change that first'],
    ['Role', 'farm', 'in use by Machine post01; change that first'],
    ['Machine', 'post01', 'in use by Trigger night; change that first'],
  ] as const)('does not let a %s go that is still named', async (kind, name, detail) => {
    const { book } = await bookOf(...objects);
    const outcome = await book.commit([{ kind, name, revision: 1 }], { author: 'anna' });
    expect(outcome).toEqual({ kind: 'invalid', problems: [{ kind, name, pointer: '', detail }] });
  });

  it('does not let a count change that a trigger still scales', async () => {
    const { book } = await bookOf(...objects);
    const document = { ...minimal, count: { min: 1, max: 4 } };
    expect(await book.commit([{ kind: 'Environment', name: 'worker', revision: 1, document }], { author: 'anna' })).toMatchObject({
      problems: [{ pointer: '/count', detail: 'expected a count that allows 5, since Trigger busy scales it; change that first' }],
    });
  });

  it('wants all roles at once that machines have, when the first is made', async () => {
    const { book } = await bookOf(machineDocument(1, { role: 'old' }));
    const document: ObjectDocument = { kind: 'Role', name: 'farm' };
    expect(await book.commit([{ kind: 'Role', name: 'farm', revision: 0, document }], { author: 'anna' })).toMatchObject({
      problems: [
        { kind: 'Role', name: 'farm', detail: expect.stringContaining('expected also a Role old with it, since Machine post01') as string },
      ],
    });
  });

  it('asks whoever understands expressions, and says where the fault is', async () => {
    const book = await ObjectBook.open({
      store: new MemoryObjectStore(),
      clock: new HeldClock(),
      log: new CapturedLog(),
      checkExpression: (asked) =>
        asked.kind === 'rule'
          ? [{ pointer: '', detail: `no rule: ${asked.expression}` }]
          : asked.kind === 'trigger'
            ? [{ pointer: '/expr', detail: `no expression: ${asked.trigger.expr}` }]
            : [],
    });
    const documentsWithFaults: readonly ObjectDocument[] = [
      { kind: 'Role', name: 'farm', match: { when: 'properties.' } },
      { kind: 'Trigger', name: 'busy', expr: 'agent.', cmd: { command: 'notify', message: 'x' } },
    ];
    const changes = documentsWithFaults.map((document) => ({ kind: document.kind, name: document.name, revision: 0, document }));
    expect(await book.commit(changes, { author: 'anna' })).toEqual({
      kind: 'invalid',
      problems: [
        { kind: 'Role', name: 'farm', pointer: '/match/when', detail: 'no rule: properties.' },
        { kind: 'Trigger', name: 'busy', pointer: '/expr', detail: 'no expression: agent.' },
      ],
    });
  });
});
