import type { Reason } from '../manager-control.ts';
import { Candidates, firstDifference, isBetter } from './candidates.ts';
import type { Fit, Wanted } from './candidates.ts';
import type { HostRoom } from './host-room.ts';
import { compareNames } from './name-order.ts';
import { lossNotes } from './n-plus-one.ts';
import { crowdedNotes, unfitNotes } from './placement-notes.ts';
import { briefly, fitText, whyChosen } from './placement-words.ts';
import type { Move, MoveRequest, Place, Placement, PlacementHost, PlacementRequest, Refusal, WaitingVm } from './placement-request.ts';

export type { Move, MoveRequest, Place, PlacedVm, Placement, PlacementHost, PlacementRequest, WaitingVm } from './placement-request.ts';

/**
 * Finds a host for each VM that waits: the highest priority first, then the largest, then by name. VMs that run stay where they are,
 * and nothing is taken from anybody. The same request gives the same plan, whatever the order of its lists.
 */
export function placeVms(request: PlacementRequest): Placement {
  const candidates = new Candidates(request.hosts.toSorted(byName), request.environments);
  const places = inOrder(request.vms, candidates).map(({ vm, wanted }) =>
    wanted === undefined ? strange(vm) : placeOne(wanted, candidates),
  );
  const notes = [
    ...unfitNotes(request.environments, candidates),
    ...crowdedNotes(request, places),
    ...(request.nPlusOne === true ? lossNotes(request, places) : []),
  ];
  return { places, notes };
}

/**
 * Finds new places for the VMs of hosts that are to be emptied. How a VM gets there is not said: by migration, or stopped first and
 * started there.
 */
export function planMoves(request: MoveRequest): { readonly moves: readonly Move[]; readonly notes: readonly Reason[] } {
  const from = new Set(request.from ?? request.hosts.filter(({ duty }) => duty === 'draining').map(({ name }) => name));
  const hosts = request.hosts.map((host) => (from.has(host.name) ? { ...host, duty: 'draining' as const } : host));
  const leaving = hosts.filter(({ name }) => from.has(name)).flatMap((host) => host.vms.map((vm) => ({ vm, host: host.name })));
  const vms = leaving.map(({ vm: { name, environment, memoryMib, vcpus } }) => ({ name, environment, memoryMib, vcpus }));
  const { places, notes } = placeVms({ ...request, hosts, vms });
  const sources = new Map(leaving.map(({ vm, host }) => [vm.name, { environment: vm.environment, host }]));
  const moves = places.flatMap((to): Move[] => {
    const source = sources.get(to.vm);
    return source === undefined ? [] : [{ vm: to.vm, environment: source.environment, from: source.host, to }];
  });
  return { moves, notes };
}

function inOrder(vms: readonly WaitingVm[], candidates: Candidates): { readonly vm: WaitingVm; readonly wanted: Wanted | undefined }[] {
  return vms
    .map((vm) => ({ vm, wanted: candidates.wanted(vm) }))
    .sort(
      (a, b) =>
        compareNumbers(priority(b.wanted), priority(a.wanted)) ||
        (b.wanted?.neededMib ?? 0) - (a.wanted?.neededMib ?? 0) ||
        compareNames(a.vm.name, b.vm.name),
    );
}

function priority(wanted: Wanted | undefined): number {
  return wanted?.environment.priority ?? -Infinity;
}

function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byName(a: PlacementHost, b: PlacementHost): number {
  return compareNames(a.name, b.name);
}

function strange({ name, environment }: WaitingVm): Place {
  return { kind: 'none', vm: name, reason: `there is no Environment ${environment}`, reasons: [] };
}

function placeOne(wanted: Wanted, candidates: Candidates): Place {
  const { rooms } = candidates;
  const refusals = rooms.map((_, index) => candidates.refusal(wanted, index));
  const fits = rooms.map((room, index) => (refusals[index] === undefined ? candidates.fit(wanted, room) : undefined));
  const { name } = wanted.vm;
  const [best, second] = bestTwo(fits);
  const [room, fit] = [rooms[best ?? -1], fits[best ?? -1]];
  if (room === undefined || fit === undefined) {
    return { kind: 'none', vm: name, reason: briefly(refusals), reasons: reasonsOf(wanted, rooms, refusals, fits) };
  }
  const reason = whyChosen(fits.filter((each) => each !== undefined).length, fit, fits[second ?? -1], room, wanted);
  const chosen: Reason = { about: room.host.name, verdict: 'chosen', reason };
  const reasons = [chosen, ...reasonsOf(wanted, rooms, refusals, fits, fit)];
  room.put(wanted.environment.name, wanted.memoryMib, wanted.vcpus);
  return { kind: 'host', vm: name, host: room.host.name, reason, reasons };
}

/** Of all hosts but the one that has the best fit. */
function reasonsOf(
  wanted: Wanted,
  rooms: readonly HostRoom[],
  refusals: readonly (Refusal | undefined)[],
  fits: readonly (Fit | undefined)[],
  best?: Fit,
): Reason[] {
  const reasons: Reason[] = [];
  for (const [index, room] of rooms.entries()) {
    const about = room.host.name;
    const refusal = refusals[index];
    const fit = fits[index];
    if (refusal !== undefined) reasons.push({ about, verdict: 'refused', reason: refusal.text });
    else if (fit !== undefined && best !== undefined && fit !== best) {
      reasons.push({ about, verdict: 'worse', reason: fitText(firstDifference(best, fit), fit, room, wanted) });
    }
  }
  return reasons;
}

function bestTwo(fits: readonly (Fit | undefined)[]): [number | undefined, number | undefined] {
  let best: number | undefined;
  let second: number | undefined;
  for (const [index, fit] of fits.entries()) {
    if (fit === undefined) continue;
    const before = fits[best ?? -1];
    const runnerUp = fits[second ?? -1];
    if (before === undefined || isBetter(fit, before)) [best, second] = [index, best];
    else if (runnerUp === undefined || isBetter(fit, runnerUp)) second = index;
  }
  return [best, second];
}
