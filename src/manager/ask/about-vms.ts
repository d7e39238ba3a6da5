import type { Vm } from '../../model/vm.ts';
import { issueCommand, reachable } from '../decide/commands.ts';
import { startMove } from '../decide/migration.ts';
import { mayMigrate } from '../decide/moves.ts';
import { placementHosts } from '../decide/placing.ts';
import { askToStop } from '../decide/stops.ts';
import type { Draft } from '../draft.ts';
import { placeVms } from '../placement/placement.ts';
import type { HostEntry, KeptVm, ManagerState } from '../state.ts';
import { commandNote, notFound, refused } from './asking.ts';
import type { Act, Decision } from './asking.ts';

const noVm = (name: string) => notFound(`VM ${name}`);

function viewOf(vm: KeptVm): (state: ManagerState) => Vm {
  return (state) => state.vms.get(vm.name) ?? vm;
}

/** Where it runs, if its agent can be asked. */
function whereItRuns(draft: Draft, vm: KeptVm): HostEntry | { readonly reason: string } {
  const [claim] = vm.claims;
  if (claim === undefined) return { reason: `${vm.name} runs nowhere: it is ${vm.state} (${vm.reason})` };
  if (vm.move !== undefined) return { reason: `${vm.name} is moving from ${vm.move.from} to ${vm.move.to}: wait until it has arrived` };
  const entry = draft.hosts.get(claim.host);
  if (entry === undefined || !reachable(entry)) {
    return { reason: `${claim.host} does not answer (${entry?.kept.state ?? 'unknown'}): its agent cannot be asked` };
  }
  return entry;
}

export const clearVm =
  (name: string): Act<Vm> =>
  (draft, { author }) => {
    const vm = draft.vms.get(name);
    if (vm === undefined) return noVm(name);
    if (vm.state !== 'error') return refused(`${name} is ${vm.state}, not in error: there is nothing to clear`);
    const { noMigration: _, ...rest } = vm;
    draft.keepVm({ ...rest, failures: [], state: 'waiting', reason: `cleared by ${author}: it is tried again`, sinceMs: draft.now.wallMs });
    return { kind: 'done', view: viewOf(vm) };
  };

export const stopVm =
  (name: string, how: 'shutdown' | 'destroy'): Act<Vm> =>
  (draft, { author }) => {
    const vm = draft.vms.get(name);
    if (vm === undefined) return noVm(name);
    const where = whereItRuns(draft, vm);
    if ('reason' in where) return refused(where.reason);
    askToStop(draft, vm, { how, reason: `${author} asked to ${how === 'shutdown' ? 'shut it down' : 'destroy it'}`, author });
    return { kind: 'done', view: viewOf(vm), notes: [`it stops on ${where.kept.name}; if it is wanted, it starts again by itself`] };
  };

export const rebootVm =
  (name: string): Act<Vm> =>
  (draft, { author }) => {
    const vm = draft.vms.get(name);
    return vm === undefined ? noVm(name) : toRunning(draft, vm, 'vm.reboot', author);
  };

export const pauseVm =
  (name: string, paused: boolean): Act<Vm> =>
  (draft, { author }) => {
    const vm = draft.vms.get(name);
    return vm === undefined ? noVm(name) : toRunning(draft, vm, paused ? 'vm.pause' : 'vm.unpause', author);
  };

function toRunning(draft: Draft, vm: KeptVm, command: 'vm.reboot' | 'vm.pause' | 'vm.unpause', author: string): Decision<Vm> {
  const where = whereItRuns(draft, vm);
  if ('reason' in where) return refused(where.reason);
  if (vm.state !== 'running' || vm.stop !== undefined) return refused(`${vm.name} is ${vm.state}: wait until it runs`);
  const issued = issueCommand(draft, where, { command, args: { vm: vm.name }, vm: vm.name, reason: 'asked for', author });
  return { kind: 'done', view: viewOf(vm), command: issued.id, notes: [commandNote(issued)] };
}

export const migrateVm =
  (name: string, to: string): Act<Vm> =>
  (draft, { author }) => {
    const vm = draft.vms.get(name);
    if (vm === undefined) return noVm(name);
    if (!draft.hosts.has(to)) return notFound(`host ${to}`);
    const where = whereItRuns(draft, vm);
    if ('reason' in where) return refused(where.reason);
    if (where.kept.name === to) return refused(`${name} is on ${to} already`);
    if (vm.state !== 'running' || vm.stop !== undefined) return refused(`${name} is ${vm.state}: only a VM that runs is migrated`);
    const environment = draft.world.objects.environments.get(vm.environment);
    if (environment === undefined) return refused(`there is no Environment ${vm.environment} any more: ${name} is being stopped`);
    if (!mayMigrate(environment))
      return refused(`${name} has a disk that only ${where.kept.name} reaches (file or block): stop it, it starts elsewhere`);
    const hosts = placementHosts(draft).filter((host) => host.name === to);
    const [place] = placeVms({
      hosts,
      environments: [...draft.world.objects.listed.environments],
      vms: [{ name, environment: vm.environment }],
    }).places;
    if (place?.kind !== 'host')
      return refused(`${to} cannot take ${name}: ${place?.reasons[0]?.reason ?? place?.reason ?? 'nobody knows why'}`);
    const problem = startMove(draft, vm, to, `asked by ${author}`, author);
    return problem === undefined ? { kind: 'done', view: viewOf(vm) } : refused(problem);
  };

export const consoleOf =
  (name: string, bytes: number): Act<undefined> =>
  (draft, { author }) => {
    const vm = draft.vms.get(name);
    if (vm === undefined) return noVm(name);
    const where = whereItRuns(draft, vm);
    if ('reason' in where) return refused(where.reason);
    const args = { vm: name, bytes: Math.min(Math.max(1, Math.floor(bytes)), 64 * 1024) };
    const issued = issueCommand(draft, where, { command: 'vm.console', args, vm: name, reason: 'asked for', author });
    return { kind: 'done', view: () => undefined, command: issued.id };
  };
