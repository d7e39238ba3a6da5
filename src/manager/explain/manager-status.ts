import { reachable } from '../decide/commands.ts';
import { holdReason } from '../decide/storm.ts';
import type { Draft } from '../draft.ts';
import type { ManagerStatus } from '../manager-control.ts';
import type { ManagerSettings } from '../settings.ts';
import type { Surroundings } from '../surroundings.ts';

export function managerStatus(
  { name, bus }: Surroundings,
  { busKind }: ManagerSettings,
  standing: Pick<ManagerStatus, 'state' | 'reason' | 'sinceMs' | 'others'>,
  draft: Draft,
): ManagerStatus {
  const held = standing.state === 'leading' ? holdReason(draft) : undefined;
  return {
    name,
    ...standing,
    ...(held === undefined ? {} : { hold: held }),
    bus: { state: bus.state.kind, reason: bus.state.kind === 'connected' ? '' : bus.state.reason, kind: busKind },
    agents: [...draft.hosts.values()].filter(reachable).length,
    openCommands: draft.open.size,
  };
}
