import type { Reason } from '../manager-control.ts';
import { Candidates, isBetter } from './candidates.ts';
import type { Fit, Wanted } from './candidates.ts';
import type { HostRoom } from './host-room.ts';
import { compareNames } from './name-order.ts';
import type { PlacedVm, Place, PlacementHost, PlacementRequest } from './placement-request.ts';

/**
 * For each environment, whether its VMs would find places if any one host were lost, with all that is planned in place. Each host is
 * taken away in turn, and its VMs are placed on the others as they stand.
 */
export function lossNotes(request: PlacementRequest, places: readonly Place[]): Reason[] {
  const hosts = withPlaces(request, places);
  const candidates = new Candidates(hosts, request.environments);
  const placed = new Set(hosts.flatMap(({ vms }) => vms.map(({ environment }) => environment)));
  const losses = new Map<string, { host: string; vms: string[] }[]>();
  for (const [index, { name, vms }] of hosts.entries()) {
    for (const [environment, homeless] of homelessAfter(index, vms, candidates)) {
      losses.set(environment, [...(losses.get(environment) ?? []), { host: name, vms: homeless }]);
    }
  }
  return [...placed].sort(compareNames).map((environment) => {
    const worst = (losses.get(environment) ?? []).toSorted((a, b) => b.vms.length - a.vms.length);
    return { about: environment, verdict: 'note', reason: lossText(worst, environment) };
  });
}

function lossText([worst, ...others]: readonly { readonly host: string; readonly vms: readonly string[] }[], environment: string): string {
  if (worst === undefined) return 'N+1: if any one host were lost, its VMs would find places on the others';
  const [first, ...rest] = worst.vms;
  const who = rest.length === 0 ? first : `${first} and ${rest.length} more of ${environment}`;
  const more = others.length === 0 ? '' : `; likewise ${others.length} more ${others.length === 1 ? 'host' : 'hosts'}`;
  return `no N+1: if ${worst.host} were lost, ${who} would find no place${more}`;
}

function withPlaces({ hosts, vms, environments }: PlacementRequest, places: readonly Place[]): PlacementHost[] {
  const byName = new Map(environments.map((environment) => [environment.name, environment]));
  const waiting = new Map(vms.map((vm) => [vm.name, vm]));
  const added = new Map<string, PlacedVm[]>();
  for (const place of places) {
    const vm = waiting.get(place.vm);
    const environment = byName.get(vm?.environment ?? '');
    if (place.kind === 'none' || vm === undefined || environment === undefined) continue;
    const { memoryMib = environment.memoryMib, vcpus = environment.vcpus } = vm;
    const one = { name: vm.name, environment: environment.name, memoryMib, vcpus, counted: false };
    added.set(place.host, [...(added.get(place.host) ?? []), one]);
  }
  return hosts
    .map((host) => (added.has(host.name) ? { ...host, vms: [...host.vms, ...(added.get(host.name) ?? [])] } : host))
    .sort((a, b) => compareNames(a.name, b.name));
}

/** VMs of a lost host that find no place, by environment. */
function homelessAfter(lost: number, vms: readonly PlacedVm[], candidates: Candidates): Map<string, string[]> {
  const homeless = new Map<string, string[]>();
  const trial = new Map<number, HostRoom>();
  for (const wanted of inOrder(vms, candidates)) {
    const target = bestOf(wanted, lost, candidates, trial);
    if (target === undefined) {
      const { environment, name } = wanted.vm;
      homeless.set(environment, [...(homeless.get(environment) ?? []), name]);
      continue;
    }
    const room = trial.get(target) ?? candidates.rooms[target]?.copy();
    if (room === undefined) continue;
    room.put(wanted.environment.name, wanted.memoryMib, wanted.vcpus);
    trial.set(target, room);
  }
  return homeless;
}

function inOrder(vms: readonly PlacedVm[], candidates: Candidates): Wanted[] {
  return vms
    .flatMap(({ name, environment, memoryMib, vcpus }) => candidates.wanted({ name, environment, memoryMib, vcpus }) ?? [])
    .sort((a, b) => b.environment.priority - a.environment.priority || b.neededMib - a.neededMib || compareNames(a.vm.name, b.vm.name));
}

function bestOf(wanted: Wanted, lost: number, candidates: Candidates, trial: ReadonlyMap<number, HostRoom>): number | undefined {
  let best: { readonly index: number; readonly fit: Fit } | undefined;
  for (const [index, standing] of candidates.rooms.entries()) {
    const room = trial.get(index) ?? standing;
    if (index === lost || !candidates.mayHave(wanted, index, room)) continue;
    const fit = candidates.fit(wanted, room);
    if (best === undefined || isBetter(fit, best.fit)) best = { index, fit };
  }
  return best?.index;
}
