import { describe, expect, it } from 'vitest';
import { neededMib } from '../../../src/manager/placement/host-room.ts';
import { placeVms, planMoves } from '../../../src/manager/placement/placement.ts';
import type { PlacementHost, PlacementRequest } from '../../../src/manager/placement/placement.ts';
import type { Role } from '../../../src/model/vm-environment.ts';
import { environment, host, placed, role, waiting } from './cluster.ts';

const worker = environment('worker');
const gateway = environment('gateway', { instances: 'at-most-one', priority: 10 });
const both = role('both', ['worker', 'gateway']);

function hostsOf(request: PlacementRequest): Record<string, string> {
  return Object.fromEntries(placeVms(request).places.map((place) => [place.vm, place.kind === 'host' ? place.host : place.reason]));
}

function refusalOf(of: PlacementHost, environments = [worker], vm = waiting('worker-1')): string | undefined {
  const [place] = placeVms({ hosts: [of], environments, vms: [vm] }).places;
  return place?.reasons.find(({ verdict }) => verdict === 'refused')?.reason;
}

const vlan12 = environment('worker', { networks: [{ bridge: 'br12', vlan: 12, address: 'dhcp', mac: 'derived' }] });
const withVlan = (vlan: number | undefined): Role =>
  role('both', ['worker'], { networks: [{ bridge: 'br12', ...(vlan !== undefined && { vlan }) }] });

const refusals: readonly (readonly [what: string, of: PlacementHost, reason: string, environment: typeof worker | undefined])[] = [
  ['has no role', host('xen1', undefined), 'it has no role, so it may have no VM', undefined],
  ['is of another role', host('xen1', role('gate', ['gateway'])), 'its role gate does not have environment worker', undefined],
  ['is draining', host('xen1', both, { duty: 'draining' }), 'it is draining', undefined],
  ['is in maintenance', host('xen1', both, { duty: 'maintenance' }), 'it is in maintenance', undefined],
  ['is silent', host('xen1', both, { state: 'suspect', reason: 'silent for 20 s' }), 'it is suspect: silent for 20 s', undefined],
  ['has not come up', host('xen1', both, { state: 'joining' }), 'it is joining', undefined],
  [
    'has not said what it has',
    { ...host('xen1', both), capacity: undefined } as never,
    'its agent has not said yet how much memory it has',
    undefined,
  ],
  [
    'is too small for ever',
    host('xen1', { ...both, reserveMib: 700 }),
    'it is too small: it needs 521 MiB (512 and 9 for Xen), VMs may have 400 MiB of it in all',
    undefined,
  ],
  [
    'has too little memory now, by what it was promised',
    host('xen1', both, { vms: [placed('gateway-1'), placed('other-1')] }),
    'it needs 521 MiB (512 and 9 for Xen), 58 MiB are free',
    undefined,
  ],
  [
    'has too little memory now, by what the hypervisor has free',
    host('xen1', both, { capacity: { memoryMib: 1100, freeMib: 300, cpus: 4 } }),
    'it needs 521 MiB (512 and 9 for Xen), 300 MiB are free',
    undefined,
  ],
  [
    'lacks a label',
    host('xen1', both, { labels: { rack: 'a' } }),
    'label rack=b is wanted, it has rack=a',
    environment('worker', { constraints: { labels: { rack: 'b' } } }),
  ],
  ['does not reach a VLAN', host('xen1', both), 'it does not reach bridge br12 on VLAN 12: role both does not give it', vlan12],
  [
    'has the bridge on another VLAN',
    host('xen1', withVlan(13), { bridges: ['br12'] }),
    'it does not reach bridge br12 on VLAN 12: role both has it on VLAN 13',
    vlan12,
  ],
  [
    'has the bridge untagged',
    host('xen1', withVlan(undefined), { bridges: ['br12'] }),
    'it does not reach bridge br12 on VLAN 12: role both has it untagged',
    vlan12,
  ],
  ['has not made the bridge yet', host('xen1', withVlan(12)), 'its bridge br12 is not up yet', vlan12],
];

describe('a host', () => {
  it.each(refusals)('that %s gets no VM, and says so', (_, of, reason, wanted) => {
    expect(refusalOf(of, [wanted ?? worker])).toBe(reason);
  });

  it('that reaches the VLAN gets the VM', () => {
    const request = { hosts: [host('xen1', withVlan(12), { bridges: ['br12'] })], environments: [vlan12], vms: [waiting('worker-1')] };
    expect(hostsOf(request)).toEqual({ 'worker-1': 'xen1' });
  });

  it('is not asked for memory twice that a VM has taken already', () => {
    const vms = [placed('worker-1', { counted: true })];
    const of = host('xen1', both, { capacity: { memoryMib: 1100, freeMib: 579, cpus: 4 }, vms });
    expect(hostsOf({ hosts: [of], environments: [worker], vms: [waiting('worker-2')] })).toEqual({ 'worker-2': 'xen1' });
  });

  it('is charged for what libxl keeps of each VM that it gets', () => {
    const capacity = { memoryMib: 1041, freeMib: 1041, cpus: 4 };
    const request = { hosts: [host('xen1', both, { capacity })], environments: [worker], vms: [waiting('worker-1'), waiting('worker-2')] };
    expect(hostsOf(request)).toEqual({ 'worker-1': 'xen1', 'worker-2': 'none of 1 host: 1 without enough free memory' });
  });

  it('says what is free when it is asked, not what was before', () => {
    const environments = [
      environment('a', { priority: 3, memoryMib: 700 }),
      environment('b', { priority: 2 }),
      environment('c', { memoryMib: 700 }),
    ];
    const capacity = { memoryMib: 800, freeMib: 705, cpus: 4 };
    const hosts = [host('xen1', role('all', ['a', 'b', 'c']), { capacity })];
    const { places } = placeVms({ hosts, environments, vms: ['a-1', 'b-1', 'c-1'].map((name) => waiting(name)) });
    expect(places.map(({ reasons }) => reasons[0]?.reason)).toEqual([
      'it needs 711 MiB (700 and 11 for Xen), 705 MiB are free',
      'the only one that fits',
      'it needs 711 MiB (700 and 11 for Xen), 184 MiB are free',
    ]);
  });

  it('needs what libxl keeps for a domain beside its memory (libxl__get_required_paging_memory)', () => {
    // 4 KiB * (256 a vcpu + 2 a MiB), and 4 MiB of slack.
    expect(neededMib(1024, 2)).toBe(1024 + 2 + 8 + 4);
  });
});

describe('environments that exclude each other', () => {
  const excluding = [environment('gateway', { constraints: { excludes: ['worker'] } }), worker];

  it.each([
    ['the one that says so', 'gateway', 'worker'],
    ['the one that does not', 'worker', 'gateway'],
  ])('never share a host, also where %s comes second', (_, second, first) => {
    const of = host('xen1', both, { vms: [placed(`${first}-1`)] });
    expect(refusalOf(of, excluding, waiting(`${second}-1`))).toBe(`it has VMs of ${first}, which ${second} may never be with`);
  });

  it('are kept from each other within one plan', () => {
    const hosts = [host('xen1', both), host('xen2', both)];
    const vms = [waiting('gateway-1'), waiting('worker-1'), waiting('worker-2'), waiting('worker-3')];
    expect(hostsOf({ hosts, environments: excluding, vms })).toEqual({
      'gateway-1': 'xen1',
      'worker-1': 'xen2',
      'worker-2': 'xen2',
      'worker-3': 'none of 2 hosts: 1 with an excluded environment, 1 without enough free memory',
    });
  });

  it('may be one environment: never two of it on one host', () => {
    const alone = environment('worker', { constraints: { excludes: ['worker'] } });
    const of = host('xen1', both, { vms: [placed('worker-1')] });
    expect(refusalOf(of, [alone], waiting('worker-2'))).toBe('it has one of worker already, and there may never be two on one host');
  });
});

describe('among hosts that may have it', () => {
  const three = [host('xen1', both), host('xen2', both), host('xen10', both)];

  it('a VM goes where the largest share of memory stays free', () => {
    const hosts = [host('xen1', both), host('xen2', both, { capacity: { memoryMib: 4096, freeMib: 4096, cpus: 4 } })];
    const [place] = placeVms({ hosts, environments: [worker], vms: [waiting('worker-1')] }).places;
    expect(place).toMatchObject({
      host: 'xen2',
      reasons: [
        { about: 'xen2', verdict: 'chosen', reason: 'of 2 that fit, it keeps the largest share of its memory free (4096 MiB before)' },
        { about: 'xen1', verdict: 'worse', reason: 'less of its memory would be free' },
      ],
    });
  });

  it('equal ones are taken by name, xen2 before xen10', () => {
    const vms = [waiting('worker-1'), waiting('worker-2'), waiting('worker-10')];
    expect(hostsOf({ hosts: three, environments: [worker], vms })).toEqual({
      'worker-1': 'xen1',
      'worker-2': 'xen2',
      'worker-10': 'xen10',
    });
  });

  it('the one that had it last is taken, so that as little moves as can be', () => {
    const vms = [waiting('worker-1', { last: 'xen10' })];
    expect(placeVms({ hosts: three, environments: [worker], vms }).places).toMatchObject([
      { host: 'xen10', reason: 'of 3 that fit, it had worker-1 last' },
    ]);
  });

  it('those where it failed are the last choice, and still one', () => {
    const avoid = [{ host: 'xen1', reason: 'xl create failed' }];
    const vms = [waiting('worker-1', { avoid, last: 'xen1' })];
    expect(hostsOf({ hosts: three, environments: [worker], vms })).toEqual({ 'worker-1': 'xen2' });
    const [place] = placeVms({ hosts: three.slice(0, 1), environments: [worker], vms }).places;
    expect(place).toMatchObject({ host: 'xen1', reason: 'the only one that fits, although it failed there' });
  });

  it('those that it must never have are none', () => {
    const vms = [waiting('worker-1', { avoid: [{ host: 'xen1', reason: 'failed twice', never: true }] })];
    const [place] = placeVms({ hosts: three.slice(0, 1), environments: [worker], vms }).places;
    expect(place).toMatchObject({ kind: 'none', reasons: [{ about: 'xen1', verdict: 'refused', reason: 'failed twice' }] });
  });

  it('one with fewer of its own is taken where it spreads, whatever memory says', () => {
    const large = { memoryMib: 9999, freeMib: 9999, cpus: 4 };
    const hosts = [host('xen1', both, { capacity: large, vms: [placed('worker-1')] }), host('xen2', both)];
    const spread = environment('worker', { constraints: { spread: true } });
    const [place] = placeVms({ hosts, environments: [spread], vms: [waiting('worker-2')] }).places;
    expect(place).toMatchObject({
      host: 'xen2',
      reasons: [{}, { about: 'xen1', verdict: 'worse', reason: 'it has 1 of worker already' }],
    });
  });

  it('one without those that it is kept apart from is taken, and any where there is no choice', () => {
    const apart = environment('worker', { constraints: { apartFrom: ['gateway'] } });
    const hosts = [
      host('xen1', both, { vms: [placed('gateway-1', { memoryMib: 16 })] }),
      host('xen2', both, { vms: [placed('worker-1')] }),
    ];
    const vms = [waiting('worker-2'), waiting('worker-3')];
    expect(hostsOf({ hosts, environments: [apart, gateway], vms })).toEqual({ 'worker-2': 'xen2', 'worker-3': 'xen1' });
  });

  it('one whose processors are not shared by too many is taken, as its role says', () => {
    const roomy = { memoryMib: 9000, freeMib: 9000, cpus: 1 };
    const hosts = [host('xen1', { ...both, vcpusPerCpu: 1 }, { capacity: roomy }), host('xen2', both, { vms: [placed('gateway-1')] })];
    const vms = [waiting('worker-1', { vcpus: 2 })];
    expect(hostsOf({ hosts, environments: [worker, gateway], vms })).toEqual({ 'worker-1': 'xen2' });
  });
});

describe('the order', () => {
  it('is by priority: with room for one, the gateway has it', () => {
    const capacity = { memoryMib: 600, freeMib: 600, cpus: 4 };
    const request = {
      hosts: [host('xen1', both, { capacity })],
      environments: [worker, gateway],
      vms: [waiting('worker-1'), waiting('gateway-1')],
    };
    expect(hostsOf(request)).toEqual({ 'gateway-1': 'xen1', 'worker-1': 'none of 1 host: 1 without enough free memory' });
  });

  it('is by size then, so that the large ones find room', () => {
    const hosts = [host('xen1', both), host('xen2', both)];
    const vms = [waiting('worker-1'), waiting('worker-2'), waiting('worker-3', { memoryMib: 1000 })];
    expect(hostsOf({ hosts, environments: [worker], vms })).toEqual({ 'worker-3': 'xen1', 'worker-1': 'xen2', 'worker-2': 'xen2' });
  });

  it('takes nothing from those that run, and says that they stand in the way', () => {
    const hosts = [host('xen1', both, { vms: [placed('worker-1'), placed('worker-2')] })];
    const { places, notes } = placeVms({ hosts, environments: [worker, gateway], vms: [waiting('gateway-1')] });
    expect(places).toMatchObject([{ kind: 'none', reason: 'none of 1 host: 1 without enough free memory' }]);
    expect(notes).toEqual([
      {
        about: 'gateway',
        verdict: 'note',
        reason: '1 without a place, while VMs of lower priority run (worker): nothing is stopped for them; lower a count, or add a host',
      },
    ]);
  });
});

describe('a plan', () => {
  it('says of a VM of no environment that there is none', () => {
    expect(hostsOf({ hosts: [host('xen1', both)], environments: [], vms: [waiting('worker-1')] })).toEqual({
      'worker-1': 'there is no Environment worker',
    });
  });

  it('without hosts says so', () => {
    expect(hostsOf({ hosts: [], environments: [worker], vms: [waiting('worker-1')] })).toEqual({ 'worker-1': 'there are no hosts' });
  });

  it('notes an environment that no host may ever have, also where nothing waits', () => {
    const hosts = [host('xen1', role('gate', ['gateway'])), host('xen2', undefined)];
    expect(placeVms({ hosts, environments: [worker, gateway], vms: [] }).notes).toEqual([
      { about: 'worker', verdict: 'note', reason: 'no host may ever have it: none of 2 hosts: 1 of another role, 1 without role' },
    ]);
  });

  it('does not call lasting what passes: a silent host', () => {
    expect(placeVms({ hosts: [host('xen1', both, { state: 'suspect' })], environments: [worker], vms: [] }).notes).toEqual([]);
  });
});

describe('N+1', () => {
  it('is there where any one host can be lost', () => {
    const hosts = [host('xen1', both, { vms: [placed('worker-1')] }), host('xen2', both)];
    expect(placeVms({ hosts, environments: [worker], vms: [], nPlusOne: true }).notes).toEqual([
      { about: 'worker', verdict: 'note', reason: 'N+1: if any one host were lost, its VMs would find places on the others' },
    ]);
  });

  it('counts what is placed by this plan, and names who would be without a place', () => {
    const hosts = [host('xen1', both), host('xen2', both)];
    const vms = [waiting('worker-1'), waiting('worker-2'), waiting('worker-3'), waiting('gateway-1', { memoryMib: 16 })];
    const { notes } = placeVms({ hosts, environments: [worker, gateway], vms, nPlusOne: true });
    expect(notes).toEqual([
      { about: 'gateway', verdict: 'note', reason: 'N+1: if any one host were lost, its VMs would find places on the others' },
      {
        about: 'worker',
        verdict: 'note',
        reason: 'no N+1: if xen1 were lost, worker-2 would find no place; likewise 1 more host',
      },
    ]);
  });
});

describe('N+1 of environments that exclude each other', () => {
  it('is not there where only the excluded have room', () => {
    const apart = [environment('gateway', { constraints: { excludes: ['worker'] } }), worker];
    const hosts = [
      host('xen1', both, { vms: [placed('gateway-1', { memoryMib: 16 })] }),
      host('xen2', both, { vms: [placed('worker-1', { memoryMib: 16 })] }),
    ];
    expect(placeVms({ hosts, environments: apart, vms: [], nPlusOne: true }).notes).toEqual([
      { about: 'gateway', verdict: 'note', reason: 'no N+1: if xen1 were lost, gateway-1 would find no place' },
      { about: 'worker', verdict: 'note', reason: 'no N+1: if xen2 were lost, worker-1 would find no place' },
    ]);
  });
});

describe('a drain', () => {
  const hosts = [
    host('xen1', both, { duty: 'draining', vms: [placed('worker-1'), placed('gateway-1')] }),
    host('xen2', both, { vms: [placed('worker-2')] }),
    host('xen3', both, { state: 'suspect' }),
  ];

  it('moves the VMs of draining hosts by priority, and says who finds no place', () => {
    const { moves } = planMoves({ hosts, environments: [worker, gateway] });
    expect(moves).toMatchObject([
      { vm: 'gateway-1', environment: 'gateway', from: 'xen1', to: { kind: 'host', host: 'xen2', reason: 'the only one that fits' } },
      {
        vm: 'worker-1',
        environment: 'worker',
        from: 'xen1',
        to: { kind: 'none', reason: 'none of 3 hosts: 1 draining, 1 suspect, 1 without enough free memory' },
      },
    ]);
  });

  it('can be tried of a host that is not draining', () => {
    expect(planMoves({ hosts, environments: [worker, gateway], from: ['xen2'] }).moves).toMatchObject([
      { vm: 'worker-2', from: 'xen2', to: { kind: 'none' } },
    ]);
  });
});

describe('the farm of docs/environments.md', () => {
  it('is placed as it says there', () => {
    const farm = role('farm', ['gateway', 'worker']);
    const capacity = { memoryMib: 1024, freeMib: 1024, cpus: 4 };
    const hosts = ['post01', 'post02', 'post03'].map((name) => host(name, farm, { capacity }));
    const environments = [
      environment('gateway', { memoryMib: 128, priority: 10 }),
      environment('worker', { memoryMib: 256, constraints: { spread: true, apartFrom: ['gateway'] } }),
    ];
    const vms = [waiting('worker-1'), waiting('worker-2'), waiting('worker-3'), waiting('gateway-1')];
    const { places } = placeVms({ hosts, environments, vms });
    expect(places.map(({ vm, ...place }) => [vm, place.kind === 'host' && place.host, place.reason])).toEqual([
      ['gateway-1', 'post01', 'of 3 that fit, the first by name of those that are equally good'],
      ['worker-1', 'post02', 'of 3 that fit, the first by name of those that are equally good'],
      ['worker-2', 'post03', 'of 3 that fit, it has none of worker'],
      ['worker-3', 'post02', 'of 3 that fit, the first by name of those that are equally good'],
    ]);
    expect(places[2]?.reasons).toContainEqual({
      about: 'post01',
      verdict: 'worse',
      reason: 'it has 1 VM that worker is kept apart from',
    });
  });
});

describe('a large farm', () => {
  it('of 300 hosts gets 1,000 VMs in a moment', () => {
    const names = Array.from({ length: 10 }, (_, index) => `kind${index}`);
    const environments = names.map((name, index) =>
      environment(name, { constraints: { spread: index % 2 === 0, apartFrom: ['kind1'], excludes: index === 3 ? ['kind4'] : [] } }),
    );
    const capacity = { memoryMib: 8192, freeMib: 8192, cpus: 8 };
    const hosts = Array.from({ length: 300 }, (_, index) => host(`xen${index}`, role('all', names), { capacity }));
    const vms = Array.from({ length: 1000 }, (_, index) => waiting(`kind${index % 10}-${index}`));
    placeVms({ hosts, environments, vms });
    const before = process.threadCpuUsage();
    const { places } = placeVms({ hosts, environments, vms });
    const { user, system } = process.threadCpuUsage(before);
    expect(places.filter(({ kind }) => kind === 'none')).toEqual([]);
    // Some 50 ms where nothing else runs.
    expect((user + system) / 1000).toBeLessThan(500);
  });
});
