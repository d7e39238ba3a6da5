import type { Reason } from '../../manager/manager-control.ts';
import type { Claim, Vm, VmCard } from '../../model/vm.ts';
import type { ReasonResource, VmResource } from '../schemas/vm.ts';
import { sentence, timeOf } from './wording.ts';

export function vmResource(vm: Vm): VmResource {
  const { name, environment, instances, uuid, state, reason, sinceMs, claims, image, memoryMib, vcpus, cards, failures } = vm;
  const host = hostOf(vm);
  return {
    name,
    environment,
    instances,
    uuid,
    state,
    reason: sentence(reason),
    since: timeOf(sinceMs),
    ...(host !== undefined && { host }),
    claims: claims.map(claimResource),
    ...(image !== undefined && { image }),
    memoryMib,
    vcpus,
    cards: cards.map(cardResource),
    failures: failures.map((failure) => ({ host: failure.host, at: timeOf(failure.atMs), reason: sentence(failure.reason) })),
    ...(vm.runningMs !== undefined && { runningAt: timeOf(vm.runningMs) }),
    ...(vm.ready !== undefined && {
      ready: { at: timeOf(vm.ready.atMs), ...(vm.ready.address !== undefined && { address: vm.ready.address }) },
    }),
  };
}

function claimResource({ host, boot, session, seq, takenMs, command }: Claim): VmResource['claims'][number] {
  return { host, boot, session, seq, takenAt: timeOf(takenMs), ...(command !== undefined && { command }) };
}

function cardResource({ mac, bridge, vlan, address, gateway }: VmCard): VmResource['cards'][number] {
  return { mac, bridge, ...(vlan !== undefined && { vlan }), address, ...(gateway !== undefined && { gateway }) };
}

/** Of a VM that migrates, its source: that is where it runs. */
export function hostOf({ claims }: Vm): string | undefined {
  return claims[0]?.host;
}

export function reasonResource({ about, verdict, reason }: Reason): ReasonResource {
  return { about: about.slice(0, 1024), verdict, reason: sentence(reason) };
}
