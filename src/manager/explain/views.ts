import type { Host, StayingVm } from '../../model/host.ts';
import type { VmEnvironment } from '../../model/vm-environment.ts';
import { bridgesOf } from '../decide/bring-up.ts';
import { imagesOf } from '../decide/prefetch.ts';
import { isHealthy, isPaused, wantedCount } from '../decide/wanted.ts';
import type { EnvironmentStatus } from '../manager-control.ts';
import type { HostEntry, KeptVm, ManagerState } from '../state.ts';

export function hostView(entry: HostEntry, staying: readonly StayingVm[] = []): Host {
  const { kept, link } = entry;
  const { networks: _networks, doubts: _doubts, assigned: _assigned, dead: _dead, ...host } = kept;
  const { facts, heardWallMs } = link;
  return {
    ...host,
    ...(facts === undefined ? {} : { capacity: { memoryMib: facts.memoryMib, freeMib: facts.freeMib, cpus: facts.cpus } }),
    bridges: bridgesOf(entry),
    images: imagesOf(entry),
    ...(heardWallMs === undefined ? {} : { heardMs: heardWallMs }),
    ...(staying.length === 0 ? {} : { staying }),
  };
}

export function environmentStatus(state: ManagerState, environment: VmEnvironment, vms: readonly KeptVm[]): EnvironmentStatus {
  const kept = state.environments.get(environment.name);
  const { count: wanted, by: wantedBy } = wantedCount(environment, kept);
  const counted = vms.filter(({ givenUp, stop }) => givenUp !== true && stop === undefined);
  const running = counted.filter((vm) => vm.state === 'running').length;
  const ready = counted.filter((vm) => isHealthy(vm, environment)).length;
  const starting = counted.filter((vm) => vm.state === 'starting').length;
  const troubled = counted.filter(
    (vm) => vm.state === 'lost' || vm.state === 'error' || vm.state === 'waiting' || vm.state === 'recovering',
  );
  const leaving = vms.filter(({ stop }) => stop !== undefined).length;
  const paused = isPaused(environment, kept);
  const status = { environment, wanted, wantedBy, running, ready, starting, troubled: troubled.length, paused };
  return { ...status, ...standing(status, troubled, leaving, kept?.paused?.by) };
}

function standing(
  { wanted, ready, starting, running, paused }: Omit<EnvironmentStatus, 'state' | 'reason'>,
  troubled: readonly KeptVm[],
  leaving: number,
  pausedBy: string | undefined,
): Pick<EnvironmentStatus, 'state' | 'reason'> {
  if (paused) return { state: 'paused', reason: pausedBy === undefined ? 'its document says so' : `paused by ${pausedBy}` };
  const broken = troubled.find(({ state }) => state === 'error');
  if (broken !== undefined) return { state: 'error', reason: `${broken.name}: ${broken.reason}` };
  const [first] = troubled;
  if (first !== undefined) return { state: 'short', reason: `${first.name} is ${first.state}: ${first.reason}` };
  if (ready === wanted && leaving === 0) return { state: 'as-wanted', reason: `${ready} of ${wanted} are up` };
  const parts = [
    `${running} of ${wanted} run`,
    `${ready} are ready`,
    `${starting} are starting`,
    ...(leaving > 0 ? [`${leaving} are stopping`] : []),
  ];
  return { state: 'changing', reason: parts.join(', ') };
}
