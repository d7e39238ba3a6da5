import type { Refusal } from './placement-request.ts';
import { firstDifference } from './candidates.ts';
import type { Fit, Wanted } from './candidates.ts';
import type { HostRoom } from './host-room.ts';

/** Why a host that may have a VM is not the best: what differs first (see {@link Fit}). */
export function fitText(difference: number, fit: Fit, room: HostRoom, { vm, environment }: Wanted): string {
  switch (difference) {
    case 0:
      return `it failed there: ${vm.avoid?.find(({ host }) => host === room.host.name)?.reason ?? ''}`;
    case 1:
      return 'another one had it last';
    case 2:
      return `it has ${vmCount(fit[2])} that ${environment.name} is kept apart from`;
    case 3:
      return `it has ${fit[3]} of ${environment.name} already`;
    case 4:
      return `its ${room.host.capacity?.cpus ?? 0} processors would be shared by ${room.vcpuLimit + fit[4]}`;
    case 5:
      return 'less of its memory would be free';
    default:
      return 'as good, and later by name';
  }
}

/** Why this one, seen beside the second best. */
export function whyChosen(fitting: number, fit: Fit, second: Fit | undefined, room: HostRoom, { environment, vm }: Wanted): string {
  if (second === undefined) return fit[0] > 0 ? 'the only one that fits, although it failed there' : 'the only one that fits';
  const of = `of ${fitting} that fit`;
  switch (firstDifference(fit, second)) {
    case 0:
      return `${of}, ${fitting === 2 ? 'the other is' : 'others are'} where ${vm.name} failed`;
    case 1:
      return `${of}, it had ${vm.name} last`;
    case 2:
      return `${of}, it has ${fit[2] === 0 ? 'nothing' : 'the least'} that ${environment.name} is kept apart from`;
    case 3:
      return `${of}, it has ${fit[3] === 0 ? 'none' : 'the fewest'} of ${environment.name}`;
    case 4:
      return `${of}, its processors are shared the least`;
    case 5:
      return `${of}, it keeps the largest share of its memory free (${room.freeMib} MiB before)`;
    default:
      return `${of}, the first by name of those that are equally good`;
  }
}

/** `none of 5 hosts: 3 draining, 2 without enough free memory`. */
export function briefly(refusals: readonly (Refusal | undefined)[]): string {
  if (refusals.length === 0) return 'there are no hosts';
  const counts = new Map<string, number>();
  for (const refusal of refusals) if (refusal !== undefined) counts.set(refusal.brief, (counts.get(refusal.brief) ?? 0) + 1);
  const parts = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([brief, count]) => `${count} ${brief}`);
  return `none of ${refusals.length} ${refusals.length === 1 ? 'host' : 'hosts'}: ${parts.join(', ')}`;
}

export function vmCount(count: number): string {
  return count === 1 ? '1 VM' : `${count} VMs`;
}
