import type { Host, HostBoot } from '../../model/host.ts';
import type { Vm } from '../../model/vm.ts';
import type { HostDetail, HostResource } from '../schemas/host.ts';
import { sentence, timeOf } from './wording.ts';

export function hostResource(host: Host, vms: readonly Vm[]): HostResource {
  const { name, state, reason, sinceMs, duty, boot, session, role, roleReason, capacity, bridges, images, heardMs, staying = [] } = host;
  const stays = new Map(staying.map(({ vm, reason: why }) => [vm, sentence(why)]));
  return {
    name,
    state,
    reason: sentence(reason),
    since: timeOf(sinceMs),
    duty,
    ...(boot !== undefined && { boot }),
    session,
    ...(role !== undefined && { role }),
    roleReason: sentence(roleReason),
    ...(capacity !== undefined && { capacity: { ...capacity } }),
    bridges: [...bridges],
    images: [...images],
    ...(heardMs !== undefined && { heardAt: timeOf(heardMs) }),
    vms: vms.map((vm) => {
      const why = stays.get(vm.name);
      const { name: itsName, environment, state: itsState, memoryMib } = vm;
      return { name: itsName, environment, state: itsState, memoryMib, ...(why !== undefined && { stays: why }) };
    }),
  };
}

export function hostDetail(host: Host, vms: readonly Vm[], booted: HostBoot | undefined): HostDetail {
  return {
    ...hostResource(host, vms),
    ...(booted !== undefined && {
      booted: {
        boot: booted.boot,
        attempt: booted.attempt,
        ...(booted.address !== undefined && { address: booted.address }),
        at: timeOf(booted.redeemedMs),
      },
    }),
  };
}

/** The VMs that each host has a claim of. */
export function vmsByHost(vms: readonly Vm[]): ReadonlyMap<string, readonly Vm[]> {
  const byHost = new Map<string, Vm[]>();
  for (const vm of vms) {
    for (const host of new Set(vm.claims.map((claim) => claim.host))) {
      const known = byHost.get(host);
      if (known === undefined) byHost.set(host, [vm]);
      else known.push(vm);
    }
  }
  return byHost;
}
