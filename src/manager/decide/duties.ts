import type { StayingVm } from '../../model/host.ts';
import type { Draft } from '../draft.ts';
import type { KeptVm } from '../state.ts';
import { isPaused } from './wanted.ts';

/** A host that is being emptied is in maintenance when no claim is left on it. */
export function tendDuties(draft: Draft): void {
  const draining = [...draft.hosts.values()].filter(({ kept }) => kept.duty !== 'active');
  if (draining.length > 0) {
    const claimed = new Set<string>();
    for (const { claims } of draft.vms.values()) for (const { host } of claims) claimed.add(host);
    for (const { kept } of draining) {
      if (kept.duty === 'draining' && !claimed.has(kept.name)) {
        draft.changeHost(kept.name, { duty: 'maintenance' });
        draft.tell('host.drained', 'info', { reason: 'no VM is left on it, and none is given to it' }, kept.name);
      }
      if (kept.duty === 'maintenance' && claimed.has(kept.name)) draft.changeHost(kept.name, { duty: 'draining' });
    }
  }
  tellWhoStays(draft);
}

/** What does not leave a host that is being emptied, by its host: a drain waits for it until somebody does something. */
export function staysByHost(draft: Draft): ReadonlyMap<string, readonly StayingVm[]> {
  const stays = new Map<string, StayingVm[]>();
  const draining = new Set<string>();
  for (const { kept } of draft.hosts.values()) if (kept.duty !== 'active') draining.add(kept.name);
  if (draining.size === 0) return stays;
  for (const vm of draft.vms.values()) {
    const reason = whyStays(draft, vm);
    if (reason === undefined) continue;
    for (const host of new Set(vm.claims.map((claim) => claim.host)))
      if (draining.has(host)) stays.set(host, [...(stays.get(host) ?? []), { vm: vm.name, reason }]);
  }
  return stays;
}

export function stayText({ vm, reason }: StayingVm): string {
  return `${vm} stays, since ${reason}`;
}

/** The manager leaves the VMs of an environment that is paused where they are. */
function whyStays(draft: Draft, vm: KeptVm): string | undefined {
  if (vm.stop !== undefined || vm.move !== undefined || vm.givenUp === true) return undefined;
  const environment = draft.world.objects.environments.get(vm.environment);
  if (environment === undefined || !isPaused(environment, draft.environments.get(environment.name))) return undefined;
  return `its environment ${environment.name} is paused: unpause it, or stop the VM`;
}

function tellWhoStays(draft: Draft): void {
  const before = draft.memory.staying;
  const now = new Set<string>();
  for (const [host, vms] of staysByHost(draft)) {
    for (const staying of vms) {
      const key = `${host} ${staying.vm}`;
      now.add(key);
      if (before.has(key)) continue;
      const environment = draft.vms.get(staying.vm)?.environment;
      draft.tell('vm.stays', 'warning', { vm: staying.vm, environment, reason: stayText(staying) }, host);
    }
  }
  if (now.size > 0 || before.size > 0) draft.remember({ staying: now });
}
