import type { Draft } from '../draft.ts';
import type { KeptVm, Stop } from '../state.ts';
import { issueCommand, reachable, rebootingHosts } from './commands.ts';

const pauseMs = 30_000;

/** From now on it is being stopped, wherever it has a claim. */
export function askToStop(draft: Draft, vm: KeptVm, stop: Pick<Stop, 'how' | 'reason' | 'author'>): void {
  if (vm.stop !== undefined && (vm.stop.how === 'destroy' || stop.how === 'shutdown')) return;
  const how = vm.state === 'starting' ? 'destroy' : stop.how;
  // One that is on its way to another host is stopped where it arrives.
  const stays = vm.state === 'lost' || vm.move !== undefined;
  draft.keepVm({
    ...vm,
    stop: { ...stop, how, sinceMs: draft.now.wallMs, tries: 0 },
    ...(stays ? {} : { state: 'stopping', reason: stop.reason, sinceMs: draft.now.wallMs }),
  });
  draft.steps.push({
    action: 'stop',
    vm: vm.name,
    environment: vm.environment,
    ...(vm.claims[0] === undefined ? {} : { host: vm.claims[0].host }),
    reason: stop.reason,
    reasons: [],
  });
}

/** Shut down, and destroyed where that does not help. Only a proof ends its claim. */
export function tendStops(draft: Draft): void {
  const stopping = [...draft.vms.values()].filter(({ stop, claims }) => stop !== undefined && claims.length > 0);
  if (stopping.length === 0) return;
  // Their agents stop all of them by themselves.
  const rebooting = rebootingHosts(draft);
  for (const vm of stopping)
    if (!rebooting.has(vm.claims[0]?.host ?? '')) draft.guarded(`VM ${vm.name}`, () => tendStop(draft, vm, vm.stop));
}

function tendStop(draft: Draft, vm: KeptVm, stop: Stop | undefined): void {
  const [claim] = vm.claims;
  const entry = claim === undefined ? undefined : draft.hosts.get(claim.host);
  if (stop === undefined || claim === undefined || entry === undefined || vm.move !== undefined) return;
  if (!reachable(entry) || entry.link.seen === undefined) return;
  if (stop.command !== undefined && draft.open.has(stop.command)) return;
  const before = stop.command === undefined ? undefined : draft.ended.get(stop.command);
  const seesIt = entry.link.seen.domains.has(vm.name);
  if (before?.state === 'done' && !seesIt) return;
  const waited = draft.now.wallMs - (before?.endedMs ?? 0);
  if (before !== undefined && stop.tries > 1 && waited < pauseMs * Math.min(stop.tries, 10)) return;
  // An agent that has only just answered is asked again when it has looked at its domains since.
  if (before?.state === 'done' && waited < pauseMs) return;
  const how = stop.tries === 0 ? stop.how : 'destroy';
  const { shutdownSeconds } = draft.world.settings;
  const about = { vm: vm.name, reason: stop.reason, author: stop.author };
  const command =
    how === 'destroy'
      ? issueCommand(draft, entry, { command: 'vm.destroy', args: { vm: vm.name }, ...about })
      : issueCommand(draft, entry, { command: 'vm.shutdown', args: { vm: vm.name, timeoutSeconds: shutdownSeconds }, ...about });
  draft.keepVm({
    ...vm,
    state: 'stopping',
    reason: stop.reason,
    sinceMs: vm.state === 'stopping' ? vm.sinceMs : draft.now.wallMs,
    stop: { ...stop, how, command: command.id, tries: stop.tries + 1 },
  });
}
