import { commandSpecs } from '../command-specs.ts';
import type { Draft } from '../draft.ts';
import type { KeptVm } from '../state.ts';
import { hasArrived, hasDomain } from './arrival.ts';
import { proofText } from './claim-end.ts';
import { issueCommand, reachable } from './commands.ts';

/** The slowest way that a migration waits for: 100 Mbit/s with others on it. */
const mibPerSecond = 5;
const longestSeconds = 6 * 3600;

/** Claims on both hosts are durable before the source is told to send it. */
export function startMove(draft: Draft, vm: KeptVm, to: string, reason: string, author: string): string | undefined {
  const [source] = vm.claims;
  const from = source === undefined ? undefined : draft.hosts.get(source.host);
  const target = draft.hosts.get(to);
  if (source === undefined || from === undefined || target?.kept.boot === undefined)
    return `${vm.name} runs nowhere, or there is no host ${to}`;
  if (!reachable(from) || !reachable(target)) return `both ${source.host} and ${to} have to be online`;
  const address = target.link.facts?.address;
  if (address === undefined) return `the agent of ${to} does not say at which address it takes VMs`;
  const timeoutSeconds = Math.min(longestSeconds, draft.world.settings.migrateSeconds + Math.ceil(vm.memoryMib / mibPerSecond));
  // Until the source cannot begin any more, and has said how it ended.
  const answerMs = commandSpecs['vm.migrate'].withinMs * 2 + timeoutSeconds * 1000;
  const seq = vm.seq + 1;
  const key = draft.world.newKey();
  issueCommand(draft, target, {
    command: 'vm.receive',
    args: { vm: vm.name, uuid: vm.uuid, claim: seq, key, waitSeconds: answerMs / 1000 },
    vm: vm.name,
    seq,
    reason,
    author,
  });
  const command = issueCommand(draft, from, {
    command: 'vm.migrate',
    args: { vm: vm.name, to: address, key, timeoutSeconds },
    vm: vm.name,
    reason,
    author,
    answerMs,
  });
  const { boot } = target.kept;
  const claim = { host: to, boot, session: target.kept.session, seq, takenMs: draft.now.wallMs, command: command.id };
  draft.keepVm({
    ...vm,
    seq,
    movedSeq: seq,
    claims: [source, claim],
    state: 'migrating',
    reason: `moves from ${source.host} to ${to}: ${reason}`,
    sinceMs: draft.now.wallMs,
    move: { from: source.host, to, command: command.id },
  });
  return undefined;
}

/** While it moves nothing is decided; once the source has answered, the reports of both hosts say where it is. */
export function settleMove(draft: Draft, vm: KeptVm): void {
  const { move } = vm;
  if (move === undefined || draft.open.has(move.command)) return;
  const outcome = draft.ended.get(move.command);
  const { move: _, ...rest } = vm;
  if (vm.claims.length > 1) return watchBoth(draft, vm);
  const [claim] = vm.claims;
  const settled: KeptVm = { ...rest, sinceMs: draft.now.wallMs };
  if (claim?.host === move.to) {
    if (!hasArrived(draft, vm.name, move)) {
      const reason = `its migration from ${move.from} was cut off: it goes on at ${move.to} if it is whole there, and else starts anew`;
      draft.keepVm({ ...settled, state: 'starting', reason });
      return;
    }
    draft.keepVm({ ...settled, state: 'starting', reason: `moved to ${move.to}` });
    draft.tell(
      'vm.moved',
      'info',
      { vm: vm.name, environment: vm.environment, from: move.from, to: move.to, how: 'migrated', ...proofOf(settled) },
      move.to,
    );
    return;
  }
  const reason = `it could not be migrated to ${move.to}: ${outcome?.reason ?? 'nobody knows why'}`;
  draft.keepVm({ ...settled, noMigration: true, state: 'starting', reason });
  draft.tell('vm.failed', 'warning', { vm: vm.name, environment: vm.environment, reason, stays: move.from }, move.from);
}

function proofOf({ ended }: KeptVm): { readonly proof?: string } {
  return ended === undefined ? {} : { proof: proofText(ended.proof, ended.host) };
}

/** Its command has ended and both claims stand: both hosts are asked; if both have the domain, the older claim is right. */
function watchBoth(draft: Draft, vm: KeptVm): void {
  const [, target] = vm.claims;
  if (target === undefined || !vm.claims.every(({ host }) => hasDomain(draft, vm.name, host))) return;
  const entry = draft.hosts.get(target.host);
  if (entry === undefined || stopIsOpen(draft, vm.name, target.host)) return;
  draft.tellOnce(
    `both ${vm.name}`,
    60_000,
    'vm.error',
    'error',
    {
      vm: vm.name,
      environment: vm.environment,
      reason: `its migration left a domain on both hosts; that on ${target.host} is destroyed`,
    },
    target.host,
  );
  issueCommand(draft, entry, {
    command: 'vm.destroy',
    args: { vm: vm.name },
    vm: vm.name,
    reason: 'its migration left two',
    author: 'manager',
  });
}

export function stopIsOpen(draft: Draft, vm: string, host: string): boolean {
  for (const command of draft.open.values()) {
    if (command.vm === vm && command.host === host && (command.command === 'vm.destroy' || command.command === 'vm.shutdown')) return true;
  }
  return false;
}
