import { effectiveLabels } from '../roles/host-groups.ts';
import type { PlacedVm, PlacementHost, WaitingVm } from '../placement/placement.ts';
import type { Draft } from '../draft.ts';
import type { HostEntry, KeptVm } from '../state.ts';
import { usableBridges } from './bring-up.ts';
import { reachable, rebootingHosts } from './commands.ts';

/** The hosts as placement sees them: each with what it runs, and what it may still be running. */
export function placementHosts(draft: Draft): PlacementHost[] {
  const placed = placedByHost(draft);
  const rebooting = rebootingHosts(draft);
  const { machines, roles } = draft.world.objects;
  return Array.from(draft.hosts.values(), (entry): PlacementHost => {
    const { kept, link } = entry;
    const role = kept.role === undefined ? undefined : roles.get(kept.role);
    const pause = rebooting.has(kept.name) ? 'it is being rebooted' : whyNotPlaced(draft, entry);
    const host = {
      name: kept.name,
      state: pause === undefined ? kept.state : 'joining',
      reason: pause ?? kept.reason,
      duty: kept.duty,
      bridges: usableBridges(entry, role),
      role,
      labels: effectiveLabels(machines.get(kept.name) ?? { labels: {} }, role),
      vms: placed.get(kept.name) ?? [],
    } as const;
    const { facts } = link;
    if (facts === undefined) return host;
    const { memoryMib, freeMib, cpus } = facts;
    return Object.assign(host, { capacity: { memoryMib, freeMib, cpus } });
  });
}

/** Hosts that answer the same beat come up within a moment: they are taken together, so that VMs spread over all of them. */
function whyNotPlaced(draft: Draft, entry: HostEntry): string | undefined {
  const { state, sinceMs } = entry.kept;
  if (state !== 'online') return undefined;
  if (!reachable(entry)) return 'its agent has not agreed to a session yet';
  return isFresh(draft, sinceMs) ? 'it is online since a moment ago' : undefined;
}

/** Whether it will soon have room for VMs, as far as can be told. */
export function isComingUp(draft: Draft, entry: HostEntry): boolean {
  const { state, sinceMs, duty } = entry.kept;
  if (duty !== 'active') return false;
  if (state === 'online') return whyNotPlaced(draft, entry) !== undefined;
  return (state === 'new' || state === 'joining') && draft.now.wallMs - sinceMs <= draft.world.settings.comingUpMs;
}

function isFresh(draft: Draft, sinceMs: number): boolean {
  return Math.abs(draft.now.wallMs - sinceMs) < draft.world.settings.tickMs / 2;
}

/** Whether a host will be there for VMs in a moment that was not asked now. */
export function someAreFresh(draft: Draft): boolean {
  for (const { kept } of draft.hosts.values()) if (kept.state === 'online' && isFresh(draft, kept.sinceMs)) return true;
  return false;
}

function placedByHost(draft: Draft): ReadonlyMap<string, PlacedVm[]> {
  const placed = new Map<string, PlacedVm[]>();
  for (const { name, environment, memoryMib, vcpus, claims } of draft.vms.values()) {
    for (const { host } of claims) {
      const counted = draft.hosts.get(host)?.link.factsCount?.has(name) === true;
      const list = placed.get(host) ?? [];
      list.push({ name, environment, memoryMib, vcpus, counted });
      placed.set(host, list);
    }
  }
  return placed;
}

export function waitingVm(vm: KeptVm): WaitingVm {
  const avoid = avoided(vm);
  const last = vm.ended?.host;
  return {
    name: vm.name,
    environment: vm.environment,
    ...(avoid.length === 0 ? {} : { avoid }),
    ...(last === undefined ? {} : { last }),
  };
}

/** Where it failed twice it is not tried again. */
export function avoided(vm: KeptVm): NonNullable<WaitingVm['avoid']>[number][] {
  const byHost = Map.groupBy(vm.failures, ({ host }) => host);
  return [...byHost].flatMap(([host, failures]) => {
    if (failures.length < 2) return [];
    return [{ host, reason: `it failed there ${failures.length} times: ${failures.at(-1)?.reason ?? ''}`, never: true }];
  });
}
