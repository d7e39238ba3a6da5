import { tendCounts } from '../decide/counts.ts';
import { stayText, staysByHost } from '../decide/duties.ts';
import { tendMoves } from '../decide/moves.ts';
import { placementHosts } from '../decide/placing.ts';
import { tendStarts } from '../decide/starts.ts';
import { holdReason } from '../decide/storm.ts';
import { Draft } from '../draft.ts';
import type { Plan, PlannedStep, Reason } from '../manager-control.ts';
import { placeVms } from '../placement/placement.ts';
import type { KeptVm, ManagerState } from '../state.ts';
import type { World } from '../world.ts';

/** What would be done now: the same decisions as in earnest, in a draft that nobody keeps. */
export function planNow(state: ManagerState, world: World, options: { readonly environment?: string; readonly count?: number }): Plan {
  const draft = new Draft(state, world);
  const { environment, count } = options;
  draft.remember({ placed: { atMs: Number.NEGATIVE_INFINITY, of: [] } });
  tendCounts(draft, environment === undefined || count === undefined ? undefined : { environment, count });
  tendMoves(draft);
  tendStarts(draft);
  const about = (name: string): boolean => environment === undefined || environment === name;
  const touched = new Set(draft.steps.map(({ vm }) => vm));
  const kept = [...draft.vms.values()].filter((vm) => about(vm.environment) && !touched.has(vm.name)).map(keptStep);
  const steps = [...draft.steps.filter((step) => about(step.environment)), ...kept];
  return { steps, notes: [...holds(draft), ...stays(draft, about), ...capacityNotes(draft, about)] };
}

function keptStep(vm: KeptVm): PlannedStep {
  const host = vm.claims[0]?.host;
  const where = host === undefined ? {} : { host };
  const action = vm.state === 'error' ? 'error' : host === undefined ? 'wait' : vm.state === 'stopping' ? 'stop' : 'keep';
  return { action, vm: vm.name, environment: vm.environment, ...where, reason: `${vm.state}: ${vm.reason}`, reasons: [] };
}

function holds(draft: Draft): Reason[] {
  const hold = holdReason(draft);
  return hold === undefined
    ? []
    : [{ about: 'manager', verdict: 'note', reason: `held, so nothing is fenced, given up or recovered: ${hold.reason}` }];
}

/** What a drain waits for, by its host. */
function stays(draft: Draft, about: (environment: string) => boolean): Reason[] {
  return [...staysByHost(draft)].flatMap(([host, vms]) =>
    vms
      .filter(({ vm }) => about(draft.vms.get(vm)?.environment ?? ''))
      .map((each): Reason => ({ about: host, verdict: 'note', reason: stayText(each) })),
  );
}

function capacityNotes(draft: Draft, about: (environment: string) => boolean): Reason[] {
  const environments = draft.world.objects.listed.environments.filter(({ name }) => about(name));
  return [
    ...placeVms({ hosts: placementHosts(draft), environments: draft.world.objects.listed.environments, vms: [], nPlusOne: true }).notes,
  ].filter((reason) => about(reason.about) || environments.length === draft.world.objects.listed.environments.length);
}
