import type { VmEnvironment } from '../../model/vm-environment.ts';
import type { Reason } from '../manager-control.ts';
import type { Candidates } from './candidates.ts';
import { compareNames } from './name-order.ts';
import type { Place, PlacementRequest } from './placement-request.ts';
import { briefly } from './placement-words.ts';

/** Environments that no host may have, whatever leaves it: somebody has to change something. */
export function unfitNotes(environments: readonly VmEnvironment[], candidates: Candidates): Reason[] {
  return environments.toSorted(byName).flatMap(({ name, count }) => {
    const standing = candidates.wanted({ name, environment: name })?.standing ?? [];
    if (count.max === 0 || standing.some((refusal) => refusal?.lasting !== true)) return [];
    return { about: name, verdict: 'note', reason: `no host may ever have it: ${briefly(standing)}` };
  });
}

/** VMs that wait while others of lower priority run: nothing is stopped for them, so that is said. */
export function crowdedNotes({ vms, environments, hosts }: PlacementRequest, places: readonly Place[]): Reason[] {
  const priorities = new Map(environments.map(({ name, priority }) => [name, priority]));
  const environmentOf = new Map(vms.map(({ name, environment }) => [name, environment]));
  const running = new Set(hosts.flatMap((host) => host.vms.map(({ environment }) => environment)));
  const waiting = new Map<string, number>();
  for (const { kind, vm } of places) {
    const environment = environmentOf.get(vm);
    if (kind === 'none' && environment !== undefined) waiting.set(environment, (waiting.get(environment) ?? 0) + 1);
  }
  return [...waiting].flatMap(([environment, count]) => {
    const own = priorities.get(environment);
    if (own === undefined) return [];
    const lower = [...running].filter((name) => (priorities.get(name) ?? Infinity) < own).sort(compareNames);
    if (lower.length === 0) return [];
    const reason = `${count} without a place, while VMs of lower priority run (${lower.join(', ')}): nothing is stopped for them; lower a count, or add a host`;
    return { about: environment, verdict: 'note', reason };
  });
}

function byName(a: VmEnvironment, b: VmEnvironment): number {
  return compareNames(a.name, b.name);
}
