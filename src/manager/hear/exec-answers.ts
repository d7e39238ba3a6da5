import { endCommand, neverBegan } from '../decide/commands.ts';
import { endClaim } from '../decide/claim-end.ts';
import type { Draft } from '../draft.ts';
import type { AgentMessageOf } from '../protocol.ts';
import type { HostEntry, KeptCommand } from '../state.ts';
import type { Heard } from './control-answers.ts';

/** What commands say of their end is short; only a console is text of some length, and it is not kept. */
const resultBytes = 16 * 1024;

function shortened({ command }: KeptCommand, result: unknown): unknown {
  if (command === 'vm.console' || (JSON.stringify(result)?.length ?? 0) <= resultBytes) return result;
  return { omitted: `its agent answered with more than ${resultBytes} bytes` };
}

/** @returns `foreign` where it answers nothing that we asked of this host. */
export function hearExecVal(draft: Draft, entry: HostEntry, message: AgentMessageOf<'EXECVAL'>): Heard | 'foreign' {
  const command = answered(draft, entry, message.reply);
  if (command === undefined) return known(draft, entry, message.reply);
  doubt(draft, entry);
  endCommand(draft, command, 'done', message.repeated ? 'done; answered from its record' : 'done', {
    result: shortened(command, message.result),
  });
  noteAnswer(draft, command);
  const result = message.result;
  if (typeof result === 'object' && result !== null && 'domain' in result && result.domain === 'absent')
    wordOfAbsence(draft, entry, command);
  return 'news';
}

export function hearExecErr(draft: Draft, entry: HostEntry, message: AgentMessageOf<'EXECERR'>): Heard | 'foreign' {
  const command = answered(draft, entry, message.reply);
  if (command === undefined) return known(draft, entry, message.reply);
  if (!isFinal(message, command)) return 'nothing-new';
  doubt(draft, entry);
  endCommand(draft, command, message.code === 'cancelled' ? 'cancelled' : 'failed', `${message.code}: ${message.reason}`, {
    code: message.code,
  });
  // Its agent saw a domain of that name: until it reports one as well, what it does not report may be there all the same.
  if (message.code !== 'exists') noteAnswer(draft, command);
  if (message.domain === 'absent') wordOfAbsence(draft, entry, command, message);
  return 'news';
}

function isFinal({ code, repeated, session }: AgentMessageOf<'EXECERR'>, command: KeptCommand): boolean {
  // Another copy of what it has no record of might still be taken.
  if (!neverBegan(code) || repeated) return true;
  if (code === 'wrong-session') return session > command.session;
  return command.times <= 1;
}

function answered(draft: Draft, { kept }: HostEntry, id: string): KeptCommand | undefined {
  const command = draft.open.get(id);
  return command?.host === kept.name && command.times > 0 ? command : undefined;
}

function known(draft: Draft, { kept }: HostEntry, id: string): Heard | 'foreign' {
  return draft.ended.get(id)?.host === kept.name ? 'nothing-new' : 'foreign';
}

/** What was reported before the answer says nothing about the time after it. */
function doubt(draft: Draft, { kept }: HostEntry): void {
  draft.changeLink(kept.name, { doubtMs: draft.now.monoMs });
}

/** From now on a report without the domain says something about this claim. */
function noteAnswer(draft: Draft, { command, vm: name, seq }: KeptCommand): void {
  const vm = name === undefined ? undefined : draft.vms.get(name);
  if (command === 'vm.create' && vm !== undefined && seq === vm.seq) draft.keepVm({ ...vm, answeredSeq: seq });
}

/** The agent's word that the domain is not there ends the claim, unless a start of it is still unanswered. */
function wordOfAbsence(draft: Draft, { kept }: HostEntry, command: KeptCommand, failure?: AgentMessageOf<'EXECERR'>): void {
  // What is let in comes after the answer.
  if (command.command === 'vm.receive') return;
  const vm = command.vm === undefined ? undefined : draft.vms.get(command.vm);
  const claim = vm?.claims.find(({ host }) => host === kept.name);
  if (vm === undefined || claim === undefined || vm.move !== undefined) return;
  if (command.seq !== claim.seq || command.boot !== claim.boot || command.session < claim.session) return;
  // Something of that name was in the way: whatever else the agent says, it has not surely seen the last of it.
  if (failure?.code === 'exists') return;
  if (startIsOpen(draft, vm.name)) return;
  forgetDomain(draft, kept.name, vm.name);
  const failed = command.command === 'vm.create' && failure !== undefined && !neverBegan(failure.code);
  endClaim(draft, vm, claim, { kind: 'agent', session: kept.session }, failed ? { failure: `${failure.code}: ${failure.reason}` } : {});
}

function forgetDomain(draft: Draft, host: string, vm: string): void {
  const seen = draft.hosts.get(host)?.link.seen;
  if (seen?.domains.has(vm) !== true) return;
  const domains = new Map(seen.domains);
  domains.delete(vm);
  draft.changeLink(host, { seen: { ...seen, domains } });
}

export function startIsOpen(draft: Draft, vm: string): boolean {
  for (const command of draft.open.values()) if (command.vm === vm && command.starts === true) return true;
  return false;
}
