import type { LeaderRecord } from './record-keeper.ts';

export type Self = Omit<LeaderRecord, 'untilMs'>;

export function whoLeads(leader: LeaderRecord | undefined, self: Self): string {
  if (leader?.manager !== self.manager) return `${leader?.manager ?? 'nobody'} leads`;
  return `another process of the name ${leader.manager} leads: give each manager a name of its own`;
}

/** @param at whether this process is at its start, the time now, and for how long a lead that ran out is left alone */
export function mayLead(
  leader: LeaderRecord | undefined,
  self: Self,
  at: { readonly starting: boolean; readonly nowMs: number; readonly takeoverMs: number },
): boolean {
  if (leader === undefined || leader.untilMs === 0 || leader.instance === self.instance) return true;
  // A process of this name that led before this one's start is its predecessor, and dead.
  if (leader.manager === self.manager && at.starting) return true;
  return at.nowMs >= leader.untilMs + at.takeoverMs;
}
