import type { VmEnvironment } from '../../model/vm-environment.ts';
import { memoryRefusal, rivalRefusal, rivalsOf, standingRefusal, strangersOf } from './constraints.ts';
import { HostRoom, neededMib } from './host-room.ts';
import type { PlacementHost, Refusal, WaitingVm } from './placement-request.ts';

/** A VM with what its environment says about it. */
export interface Wanted {
  readonly vm: WaitingVm;
  readonly environment: VmEnvironment;
  readonly memoryMib: number;
  readonly vcpus: number;
  readonly neededMib: number;
  readonly rivals: readonly string[];
  readonly strangers: readonly string[];
  /** What rules out each host for all VMs like this one. */
  readonly standing: readonly (Refusal | undefined)[];
}

/**
 * How well a host fits, the lower the better, the first difference decides: failed there, had it not last, strangers, more of its
 * own where it spreads, processors shared too often, share of memory in use afterwards. Equal ones go by name.
 */
export type Fit = readonly [number, number, number, number, number, number];

/** All hosts by name, and what is asked of them over and over. */
export class Candidates {
  readonly hosts: readonly PlacementHost[];
  readonly rooms: readonly HostRoom[];
  readonly #environments: ReadonlyMap<string, VmEnvironment>;
  readonly #wanted = new Map<string, Omit<Wanted, 'vm'>>();

  /** @param hosts in the order that equal ones are taken in */
  constructor(hosts: readonly PlacementHost[], environments: readonly VmEnvironment[]) {
    this.hosts = hosts;
    this.rooms = hosts.map((host) => new HostRoom(host));
    this.#environments = new Map(environments.map((environment) => [environment.name, environment]));
  }

  wanted(vm: WaitingVm): Wanted | undefined {
    const environment = this.#environments.get(vm.environment);
    if (environment === undefined) return undefined;
    const { memoryMib = environment.memoryMib, vcpus = environment.vcpus } = vm;
    const key = `${environment.name} ${memoryMib} ${vcpus}`;
    const known = this.#wanted.get(key) ?? {
      environment,
      memoryMib,
      vcpus,
      neededMib: neededMib(memoryMib, vcpus),
      rivals: rivalsOf(environment, this.#environments.values()),
      strangers: strangersOf(environment, this.#environments.values()),
      standing: this.hosts.map((host) => standingRefusal(host, environment, memoryMib, vcpus)),
    };
    this.#wanted.set(key, known);
    return { ...known, vm };
  }

  /** Why a host may not have it; nothing where it may. */
  refusal(wanted: Wanted, index: number): Refusal | undefined {
    const { standing, rivals, neededMib: needed, vm, environment } = wanted;
    const room = this.rooms[index];
    if (room === undefined) return undefined;
    const refused = standing[index];
    if (refused !== undefined) return refused;
    const avoided = vm.avoid?.find(({ host, never }) => never === true && host === room.host.name);
    if (avoided !== undefined) return { brief: 'where it failed', text: avoided.reason, lasting: false };
    const rival = rivals.find((each) => room.count(each) > 0);
    if (rival !== undefined) return rivalRefusal(environment.name, rival);
    if (needed <= room.freeMib) return undefined;
    return room.refusedFor(needed) ?? room.refuseFor(needed, memoryRefusal(wanted.memoryMib, needed, room.freeMib));
  }

  /** Likewise without words, for a trial with what would be on that host. */
  mayHave({ standing, rivals, neededMib: needed }: Wanted, index: number, room: HostRoom): boolean {
    return standing[index] === undefined && needed <= room.freeMib && rivals.every((rival) => room.count(rival) === 0);
  }

  fit({ vm, environment, strangers, neededMib: needed, vcpus }: Wanted, room: HostRoom): Fit {
    const { name } = room.host;
    const failed = vm.avoid?.some(({ host }) => host === name) === true ? 1 : 0;
    const isLast = vm.last === name ? 0 : 1;
    let apart = 0;
    for (const stranger of strangers) apart += room.count(stranger);
    const own = environment.constraints.spread ? room.count(environment.name) : 0;
    const shared = Math.max(0, room.vcpus + vcpus - room.vcpuLimit);
    return [failed, isLast, apart, own, shared, 1 - (room.freeMib - needed) / room.totalMib];
  }
}

/** Where two differ first; -1 where they do not. */
export function firstDifference(a: Fit, b: Fit): number {
  // Asked for each VM and host: a loop is four times as fast as findIndex.
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return index;
  return -1;
}

export function isBetter(a: Fit, b: Fit): boolean {
  const at = firstDifference(a, b);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
