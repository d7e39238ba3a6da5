import type { StayingVm } from '../../model/host.ts';
import { stayText, staysByHost } from '../decide/duties.ts';
import { placementHosts } from '../decide/placing.ts';
import type { Draft } from '../draft.ts';
import { planMoves } from '../placement/placement.ts';
import type { Move } from '../placement/placement.ts';

export type Duty = 'active' | 'draining';

const mostVms = 20;

/** What follows for each of these hosts, now that all of them have the duty. */
export function dutyNotes(draft: Draft, names: readonly string[], duty: Duty, author: string): ReadonlyMap<string, readonly string[]> {
  if (duty === 'active') return new Map(names.map((name) => [name, [`${name} may be given VMs again`]]));
  const claimed = new Map<string, number>();
  for (const { claims } of draft.vms.values())
    for (const host of new Set(claims.map((claim) => claim.host))) claimed.set(host, (claimed.get(host) ?? 0) + 1);
  const stays = staysByHost(draft);
  const moves = Map.groupBy(movesOf(draft, stays), ({ from }) => from);
  return new Map(
    names.map((name) => {
      const count = claimed.get(name) ?? 0;
      const left = count === 0 ? `no VM is on ${name}` : `${count} VMs have to leave ${name} (asked by ${author})`;
      const lines = [...(stays.get(name) ?? []).map(stayText), ...(moves.get(name) ?? []).map(moveText)];
      const rest = lines.length - mostVms;
      return [name, [left, ...(rest > 0 ? [...lines.slice(0, mostVms), `and ${rest} more VMs`] : lines)]];
    }),
  );
}

function moveText({ vm, to }: Move): string {
  return to.kind === 'host' ? `${vm}: there is room on ${to.host}` : `${vm}: no other place, ${to.reason}`;
}

/** For each VM of all hosts that are being emptied whether there is room for it, or for one in its place, elsewhere. */
function movesOf(draft: Draft, stays: ReadonlyMap<string, readonly StayingVm[]>): readonly Move[] {
  const { environments } = draft.world.objects.listed;
  const staying = new Set([...stays.values()].flatMap((vms) => vms.map(({ vm }) => vm)));
  const isToMove = (name: string): boolean => {
    const vm = draft.vms.get(name);
    return vm !== undefined && vm.stop === undefined && vm.move === undefined && !staying.has(name);
  };
  const hosts = placementHosts(draft).map((host) =>
    host.duty === 'draining' ? Object.assign({}, host, { vms: host.vms.filter(({ name }) => isToMove(name)) }) : host,
  );
  return planMoves({ hosts, environments }).moves;
}
