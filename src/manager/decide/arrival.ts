import type { Draft } from '../draft.ts';
import type { KeptVm } from '../state.ts';

/** Its source has sent all of it, or the target has it: not merely that the source has it no more. */
export function hasArrived(draft: Draft, vm: string, move: NonNullable<KeptVm['move']>): boolean {
  return draft.ended.get(move.command)?.state === 'done' || hasDomain(draft, vm, move.to);
}

/** By a report that is of now. */
export function hasDomain(draft: Draft, vm: string, host: string): boolean {
  const link = draft.hosts.get(host)?.link;
  const seen = link?.agreed === true && link.seen?.settled === true ? link.seen : undefined;
  const state = seen?.domains.get(vm)?.state;
  return state === 'running' || state === 'paused';
}
