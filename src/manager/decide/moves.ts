import type { VmEnvironment } from '../../model/vm-environment.ts';
import { placeVms } from '../placement/placement.ts';
import type { Draft } from '../draft.ts';
import type { HostEntry, KeptVm } from '../state.ts';
import { isLeaving } from './counts.ts';
import { startMove } from './migration.ts';
import { placementHosts } from './placing.ts';
import { askToStop } from './stops.ts';
import { isPaused, isPausing } from './wanted.ts';

const againMs = 10_000;
/** Of one environment only so many are on the move at a time. */
const atOnce = 1;

/** At-most-one VMs whose host is to be emptied: moved alive where that can be, else stopped when there is a place for them. */
export function tendMoves(draft: Draft): void {
  const leaving = [...draft.vms.values()].filter((vm) => isToMove(draft, vm));
  if (leaving.length === 0) return;
  const onTheMove = Map.groupBy(
    [...draft.vms.values()].filter(
      ({ instances, state }) => instances === 'at-most-one' && ['migrating', 'stopping', 'recovering', 'starting'].includes(state),
    ),
    ({ environment }) => environment,
  );
  for (const vm of leaving) {
    if ((onTheMove.get(vm.environment)?.length ?? 0) >= atOnce) continue;
    draft.guarded(`VM ${vm.name}`, () => {
      if (tendMove(draft, vm)) onTheMove.set(vm.environment, [...(onTheMove.get(vm.environment) ?? []), vm]);
    });
  }
}

function isToMove(draft: Draft, vm: KeptVm): boolean {
  if (vm.instances !== 'at-most-one' || vm.state !== 'running' || vm.stop !== undefined || vm.move !== undefined) return false;
  const environment = draft.world.objects.environments.get(vm.environment);
  if (environment === undefined || isPaused(environment, draft.environments.get(environment.name))) return false;
  return isLeaving(draft, vm) && !isPausing(vm, draft.now.wallMs);
}

/** @returns whether it is on its way */
function tendMove(draft: Draft, vm: KeptVm): boolean {
  const environment = draft.world.objects.environments.get(vm.environment);
  const [claim] = vm.claims;
  if (environment === undefined || claim === undefined) return false;
  const hosts = placementHosts(draft).filter(({ name }) => name !== claim.host);
  const [place] = placeVms({
    hosts,
    environments: draft.world.objects.listed.environments,
    vms: [{ name: vm.name, environment: vm.environment }],
  }).places;
  const from = draft.hosts.get(claim.host);
  const why = whyLeaving(from);
  if (place?.kind !== 'host') {
    const reason = `runs on ${claim.host}, which it should leave (${why}), and has no other place: ${place?.reason ?? 'nobody knows one'}`;
    draft.keepVm({ ...vm, reason, retryMs: draft.now.wallMs + againMs });
    draft.tellOnce(
      `stuck ${vm.name}`,
      600_000,
      'environment.short',
      'warning',
      { vm: vm.name, environment: vm.environment, reason },
      claim.host,
    );
    return false;
  }
  const about = { vm: vm.name, environment: vm.environment, host: place.host, from: claim.host, reason: why, reasons: place.reasons };
  if (mayMigrate(environment) && vm.noMigration !== true) {
    const problem = startMove(draft, vm, place.host, why, 'manager');
    if (problem === undefined) draft.steps.push({ action: 'migrate', ...about });
    if (problem === undefined) return true;
  }
  draft.steps.push({ action: 'move', ...about });
  askToStop(draft, vm, { how: 'shutdown', reason: `${why}; it starts on another host when it is surely gone`, author: 'manager' });
  return true;
}

function whyLeaving(entry: HostEntry | undefined): string {
  if (entry === undefined) return 'its host is unknown';
  return entry.kept.duty === 'active'
    ? `the role of ${entry.kept.name} does not have its environment or its networks`
    : `${entry.kept.name} is being emptied`;
}

/** All in RAM, or on storage that both hosts reach. */
export function mayMigrate(environment: VmEnvironment): boolean {
  return environment.storage.every(({ kind }) => kind !== 'file' && kind !== 'block');
}
