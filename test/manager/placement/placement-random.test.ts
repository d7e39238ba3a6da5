import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neededMib } from '../../../src/manager/placement/host-room.ts';
import { placeVms, planMoves } from '../../../src/manager/placement/placement.ts';
import type { Place, PlacementHost, PlacementRequest } from '../../../src/manager/placement/placement.ts';
import type { Role, VmEnvironment } from '../../../src/model/vm-environment.ts';
import { environment, host, placed, role, waiting } from './cluster.ts';

/** Few enough of everything that rules meet each other. */
const names = ['a', 'b', 'c'] as const;
const some = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 });
const labels = fc.constantFrom<Readonly<Record<string, string>>>({}, { rack: '1' }, { rack: '2' });
const vlan = fc.constantFrom(undefined, 12, 13);

const environmentOf = (name: string) =>
  fc
    .record({
      memoryMib: fc.constantFrom(100, 500, 900),
      priority: fc.constantFrom(0, 0, 5),
      vlan,
      labels,
      spread: fc.boolean(),
      apartFrom: some,
      excludes: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, some),
    })
    .map(({ memoryMib, priority, vlan: on, ...constraints }) =>
      environment(name, {
        memoryMib,
        priority,
        constraints,
        networks: on === undefined ? [] : [{ bridge: `br${on}`, vlan: on, address: 'dhcp', mac: 'derived' }],
      }),
    );

const roleArbitrary = fc
  .record({ environments: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }), vlan, reserveMib: fc.constantFrom(0, 200) })
  .map(({ environments, vlan: on, reserveMib }): Role =>
    role('r', environments, { reserveMib, networks: on === undefined ? [] : [{ bridge: `br${on}`, vlan: on }] }),
  );

const hostOf = (index: number) =>
  fc
    .record({
      role: fc.oneof({ weight: 8, arbitrary: roleArbitrary }, fc.constant(undefined)),
      labels,
      memoryMib: fc.constantFrom(800, 1500, 3000),
      takenMib: fc.constantFrom(0, 0, 300),
      cpus: fc.constantFrom(1, 4),
      state: fc.constantFrom('online' as const, 'online' as const, 'online' as const, 'suspect' as const),
      duty: fc.constantFrom('active' as const, 'active' as const, 'active' as const, 'draining' as const),
      bridges: fc.constantFrom(['br12'], ['br12', 'br13']),
      vms: fc.array(fc.record({ environment: fc.constantFrom(...names), counted: fc.boolean() }), { maxLength: 2 }),
    })
    .map(({ memoryMib, takenMib, cpus, vms, ...rest }) =>
      host(`xen${index}`, rest.role, {
        ...rest,
        capacity: { memoryMib, freeMib: memoryMib - takenMib, cpus },
        vms: vms.map((vm, at) => placed(`${vm.environment}-${index}0${at}`, { ...vm, memoryMib: 100 })),
      }),
    );

const request: fc.Arbitrary<PlacementRequest> = fc
  .record({
    hosts: fc.integer({ min: 0, max: 5 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => hostOf(index)))),
    environments: fc.tuple(...names.map(environmentOf)),
    vms: fc.array(
      fc.record({
        environment: fc.constantFrom(...names),
        last: fc.constantFrom(undefined, 'xen0', 'xen1'),
        failed: fc.constantFrom(undefined, 'xen0', 'xen2'),
        never: fc.boolean(),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ hosts, environments, vms }) => ({
    hosts,
    environments,
    vms: vms.map(({ environment: of, last, failed, never }, index) =>
      waiting(`${of}-${index}`, {
        ...(last !== undefined && { last }),
        ...(failed !== undefined && { avoid: [{ host: failed, reason: 'failed', never }] }),
      }),
    ),
  }));

/** What is on each host once the plan is done, with the environment of each VM. */
function after({ hosts, environments, vms }: PlacementRequest, places: readonly Place[]) {
  const find = (name: string): VmEnvironment => environments.find((each) => each.name === name) as VmEnvironment;
  return hosts.map((of) => ({
    of,
    there: of.vms,
    came: places
      .filter((place) => place.kind === 'host' && place.host === of.name)
      .map((place) => find(vms.find(({ name }) => name === place.vm)?.environment ?? '')),
  }));
}

function sumMib(all: readonly { readonly memoryMib: number; readonly vcpus: number }[]): number {
  return all.reduce((mib, vm) => mib + neededMib(vm.memoryMib, vm.vcpus), 0);
}

function mayEverHave({ role: its, labels: own, state, duty }: PlacementHost, { name, networks, constraints }: VmEnvironment): boolean {
  const reaches = networks.every(({ bridge, vlan: on }) => its?.networks.some((each) => each.bridge === bridge && each.vlan === on));
  const labelled = Object.entries(constraints.labels).every(([key, value]) => own[key] === value);
  return state === 'online' && duty === 'active' && its?.environments.includes(name) === true && reaches && labelled;
}

/** With what came there, as VMs that run. */
function filled(of: PlacementHost, came: readonly VmEnvironment[]): PlacementHost {
  const vms = came.map(({ name, memoryMib }, index) => placed(`${name}-${of.name}-${index}`, { environment: name, memoryMib }));
  return { ...of, vms: [...of.vms, ...vms] };
}

const runs = { numRuns: 500 };

describe('any plan', () => {
  it('gives no host more memory than it has free, less its reserve', () => {
    fc.assert(
      fc.property(request, (asked) => {
        for (const { of, there, came } of after(asked, placeVms(asked).places)) {
          if (came.length === 0) continue;
          const reserve = of.role?.reserveMib ?? 0;
          expect(sumMib([...there, ...came])).toBeLessThanOrEqual((of.capacity?.memoryMib ?? 0) - reserve);
          expect(sumMib([...there.filter(({ counted }) => !counted), ...came])).toBeLessThanOrEqual((of.capacity?.freeMib ?? 0) - reserve);
        }
      }),
      runs,
    );
  });

  it('puts VMs only where role, labels, networks, state and duty allow it', () => {
    fc.assert(
      fc.property(request, (asked) => {
        for (const { of, came } of after(asked, placeVms(asked).places)) expect(came.filter((each) => !mayEverHave(of, each))).toEqual([]);
      }),
      runs,
    );
  });

  it('never joins environments that exclude each other, whichever says so', () => {
    fc.assert(
      fc.property(request, (asked) => {
        for (const { there, came } of after(asked, placeVms(asked).places)) {
          const all = [...there.map(({ environment: name }) => asked.environments.find((each) => each.name === name)), ...came];
          for (const one of came) {
            const others = all.filter((_, index) => index !== all.indexOf(one)).flatMap((each) => each ?? []);
            const bad = others.filter(
              ({ name, constraints }) => one.constraints.excludes.includes(name) || constraints.excludes.includes(one.name),
            );
            expect(bad).toEqual([]);
          }
        }
      }),
      runs,
    );
  });

  it('answers for each VM once, and gives a reason for each host', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const { places } = placeVms(asked);
        expect(places.map(({ vm }) => vm).sort()).toEqual(asked.vms.map(({ name }) => name).sort());
        for (const { kind, reasons } of places) {
          expect(reasons.map(({ about }) => about).sort()).toEqual(asked.hosts.map(({ name }) => name).sort());
          expect(reasons.filter(({ verdict }) => verdict === 'chosen')).toHaveLength(kind === 'host' ? 1 : 0);
          expect(reasons.filter(({ reason }) => reason === '')).toEqual([]);
        }
      }),
      runs,
    );
  });

  it('leaves a VM without a place only where every host refuses it', () => {
    fc.assert(
      fc.property(request, (asked) => {
        for (const { kind, reasons } of placeVms(asked).places) {
          const open = reasons.filter(({ verdict }) => verdict !== 'refused');
          expect(open.length === 0).toBe(kind === 'none');
        }
      }),
      runs,
    );
  });

  it('is the same whatever the order of hosts, environments and VMs', () => {
    fc.assert(
      fc.property(request, fc.infiniteStream(fc.nat()), (asked, order) => {
        const shuffled = <Each>(all: readonly Each[]): Each[] =>
          all
            .map((each) => ({ each, at: order.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ each }) => each);
        const other = {
          hosts: shuffled(asked.hosts.map((of) => ({ ...of, vms: shuffled(of.vms) }))),
          environments: shuffled(asked.environments),
          vms: shuffled(asked.vms),
        };
        expect(placeVms({ ...other, nPlusOne: true })).toEqual(placeVms({ ...asked, nPlusOne: true }));
      }),
      runs,
    );
  });

  it('changes nothing that it was given', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const before = structuredClone(asked);
        placeVms({ ...asked, nPlusOne: true });
        planMoves(asked);
        expect(asked).toEqual(before);
      }),
      runs,
    );
  });

  it('is kept by asking again: what was placed stays, and who found no place finds none', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const { places } = placeVms(asked);
        const homeless = places.filter(({ kind }) => kind === 'none').map(({ vm }) => vm);
        const hosts = after(asked, places).map(({ of, came }) => filled(of, came));
        const again = placeVms({ ...asked, hosts, vms: asked.vms.filter(({ name }) => homeless.includes(name)) });
        expect(again.places.map(({ vm, kind }) => [vm, kind])).toEqual(homeless.map((vm) => [vm, 'none']));
      }),
      runs,
    );
  });

  it('finds a place for a VM alone also when hosts have more memory, or there is one more of them', () => {
    fc.assert(
      fc.property(request, hostOf(9), (asked, added) => {
        const grown = asked.hosts.map((of) => ({
          ...of,
          capacity: { memoryMib: 100 + (of.capacity?.memoryMib ?? 0), freeMib: 100 + (of.capacity?.freeMib ?? 0), cpus: 8 },
        }));
        for (const vm of asked.vms) {
          const kinds = [asked.hosts, grown, [...asked.hosts, added]].map(
            (hosts) => placeVms({ ...asked, hosts, vms: [vm] }).places[0]?.kind,
          );
          expect(kinds[0] === 'none' || kinds.every((kind) => kind === 'host')).toBe(true);
        }
      }),
      runs,
    );
  });

  it('never moves a VM to a host that is to be emptied, nor one that was not there', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const draining = asked.hosts.filter(({ duty }) => duty === 'draining');
        const { moves } = planMoves(asked);
        expect(moves.map(({ vm }) => vm).sort()).toEqual(draining.flatMap(({ vms }) => vms.map(({ name }) => name)).sort());
        const targets = new Set(moves.flatMap(({ to }) => (to.kind === 'host' ? to.host : [])));
        expect(draining.filter(({ name }) => targets.has(name))).toEqual([]);
      }),
      runs,
    );
  });
});
