import { commandSpecs } from '../command-specs.ts';
import type { Draft } from '../draft.ts';
import type { CommandState } from '../manager-control.ts';
import type { AgentCommandArgs, AgentCommandName, ExecErrCode } from '../protocol.ts';
import type { HostEntry, KeptCommand } from '../state.ts';

const keptEnded = 2000;
const forgottenAtOnce = 200;

interface Issue<Name extends AgentCommandName> {
  readonly command: Name;
  readonly args: AgentCommandArgs<Name>;
  readonly vm?: string;
  /** Of the claim that is taken for it; without one, of the claim that its VM has on the host. */
  readonly seq?: number;
  readonly reason: string;
  readonly author: string;
  /** Where it takes longer than others of its kind. */
  readonly answerMs?: number;
}

/** Makes a command for a host's agent. It is sent when it is durable, and where the agent is not here, when it is back. */
export function issueCommand<Name extends AgentCommandName>(draft: Draft, entry: HostEntry, issue: Issue<Name>): KeptCommand {
  const { kept, link } = entry;
  const { wallMs } = draft.now;
  const spec = commandSpecs[issue.command];
  const seq = issue.seq ?? claimOn(draft, issue.vm, kept.name);
  const command: KeptCommand = {
    id: draft.world.newId(),
    host: kept.name,
    command: issue.command,
    args: issue.args,
    ...(issue.vm === undefined ? {} : { vm: issue.vm }),
    state: 'queued',
    reason: issue.reason,
    author: issue.author,
    createdMs: wallMs,
    times: 0,
    boot: kept.boot ?? 0,
    session: kept.session,
    expiresMs: wallMs + (issue.answerMs ?? spec.answerMs),
    withinMs: spec.withinMs,
    ...(seq === undefined ? {} : { seq }),
    ...(spec.starts === true ? { starts: true } : {}),
    ...(spec.keptMs === undefined ? {} : { keptMs: spec.keptMs }),
  };
  if (link.agreed) return publishCommand(draft, command, link.beat?.nonce);
  draft.keepOpen(command);
  return command;
}

function claimOn(draft: Draft, vm: string | undefined, host: string): number | undefined {
  return vm === undefined ? undefined : draft.vms.get(vm)?.claims.find((claim) => claim.host === host)?.seq;
}

function publishCommand(draft: Draft, command: KeptCommand, nonce: string | undefined): KeptCommand {
  const { wallMs } = draft.now;
  const sent: KeptCommand = {
    ...command,
    state: 'sent',
    times: command.times + 1,
    sentMs: command.sentMs ?? wallMs,
    publishedMs: wallMs,
  };
  draft.keepOpen(sent);
  draft.send({ kind: 'execute', command: sent, ...(nonce !== undefined && command.starts === true ? { nonce } : {}) });
  return sent;
}

/** Sends what a host has open: all of it to an agent that has just agreed to its session. */
export function sendOpenCommands(draft: Draft, entry: HostEntry, commands: readonly KeptCommand[]): void {
  const { kept, link } = entry;
  for (const command of commands) {
    // Never published, so no agent can have begun it: it may be of this session as well.
    const fresh = command.state === 'queued' && command.times === 0;
    const current = fresh ? { ...command, boot: kept.boot ?? 0, session: kept.session } : command;
    publishCommand(draft, current, link.beat?.nonce);
  }
}

interface Answer {
  readonly result?: unknown;
  readonly code?: ExecErrCode;
}

export function endCommand(draft: Draft, command: KeptCommand, state: CommandState, reason: string, answer: Answer = {}): void {
  // The text of an xl.cfg is long, and its environment and template say it again; so is what was wanted when an image was fetched. The
  // key of a migration is nobody's business.
  const { config: _config, wanted: _wanted, key: _key, ...args } = command.args;
  draft.keepEnded({ ...command, args, state, reason, endedMs: draft.now.wallMs, ...answer });
  const move = command.command === 'vm.migrate' && command.vm !== undefined ? draft.vms.get(command.vm)?.move : undefined;
  if (move?.command === command.id) draft.changeLink(move.to, { doubtMs: draft.now.monoMs });
  if (state === 'failed' || state === 'expired') tellFailure(draft, command, state, reason, answer.code);
}

/** Its agent refused it for the time at which it came, and keeps no record of it: that is nobody's failure. */
export function neverBegan(code: ExecErrCode): boolean {
  return notBegun.has(code);
}

const notBegun: ReadonlySet<ExecErrCode> = new Set(['stale', 'busy', 'expired', 'wrong-boot', 'wrong-session']);

function tellFailure(
  draft: Draft,
  { command, id, vm, host, args }: KeptCommand,
  state: 'failed' | 'expired',
  reason: string,
  code?: ExecErrCode,
): void {
  const kind = `command.${state}`;
  if (command !== 'image.fetch') return draft.tell(kind, 'warning', { command, id, ...(vm === undefined ? {} : { vm }), reason }, host);
  // Fetched ahead of need: a host that is gone or has another session by now needs no telling, and a bad image fails on every host.
  const entry = draft.hosts.get(host);
  if (entry === undefined || !reachable(entry) || (code !== undefined && neverBegan(code))) return;
  const image = String(args['image']);
  draft.tellOnce(`${kind} ${command} ${image}`, 600_000, kind, 'warning', { command, id, image, reason }, host);
}

/** Expires, sends again what was not answered, and lets go of the oldest that ended. */
export function tendCommands(draft: Draft): void {
  const { wallMs } = draft.now;
  for (const command of draft.open.values()) draft.guarded(`command ${command.id}`, () => tendCommand(draft, command, wallMs));
  const oldMs = wallMs - draft.world.settings.historyMs;
  let forgotten = 0;
  for (const [id, { keptMs = Number.POSITIVE_INFINITY, endedMs = 0 }] of draft.ended)
    if (endedMs < wallMs - keptMs) draft.forgetCommand(id);
  let needed: ReadonlySet<string> | undefined;
  for (const [id, { endedMs = 0 }] of draft.ended) {
    if (forgotten >= forgottenAtOnce || (draft.ended.size <= keptEnded && endedMs >= oldMs)) break;
    needed ??= neededCommands(draft);
    if (needed.has(id)) continue;
    draft.forgetCommand(id);
    forgotten += 1;
  }
}

/** How they ended says what may still become of a VM. */
function neededCommands(draft: Draft): ReadonlySet<string> {
  const needed = new Set<string>();
  for (const { state, move, claims } of draft.vms.values()) {
    if (move !== undefined) needed.add(move.command);
    if (state !== 'running') for (const { command } of claims) if (command !== undefined) needed.add(command);
  }
  return needed;
}

function tendCommand(draft: Draft, command: KeptCommand, wallMs: number): void {
  const entry = draft.hosts.get(command.host);
  if (entry === undefined) return endCommand(draft, command, 'failed', `there is no host ${command.host} any more`);
  const { kept, link } = entry;
  if ((kept.boot ?? 0) > command.boot && command.times > 0) {
    return endCommand(draft, command, 'failed', `${command.host} has booted anew since (boot ${String(kept.boot)})`);
  }
  const { dead } = kept;
  if (dead !== undefined && dead.boot >= command.boot && dead.session >= command.session && command.times > 0) {
    return endCommand(draft, command, 'failed', `${command.host} is dead: ${kept.reason}`);
  }
  if (wallMs >= command.expiresMs) return expire(draft, command, entry);
  const publishedMs = command.publishedMs ?? 0;
  const due = Math.abs(wallMs - publishedMs) >= draft.world.settings.resendMs || publishedMs < (link.agreedWallMs ?? 0);
  const busy = link.seen?.busy.has(command.id) === true;
  if (link.agreed && due && !busy && answers(draft, entry)) sendOpenCommands(draft, entry, [command]);
}

function expire(draft: Draft, command: KeptCommand, { kept, link }: HostEntry): void {
  if (command.times === 0) return endCommand(draft, command, 'expired', `${command.host} did not come back in time; it was never sent`);
  endCommand(draft, command, 'expired', `${command.host} did not answer in time; sent ${command.times} times`);
  // Only an agreement after it says what became of it: until then its claim stands.
  if (command.starts === true && kept.session === command.session && link.agreed) askAnew(draft, kept.name);
}

/** Makes the manager agree on a new session with this host's agent. */
export function askAnew(draft: Draft, host: string): void {
  const link = draft.hosts.get(host)?.link;
  if (link === undefined) return;
  const { sessionFor: _, ...rest } = link;
  draft.setLink(host, { ...rest, agreed: false });
}

/** One that has answered that it reboots is gone in a moment; where it is not, something keeps it, and it may be used again. */
const rebootMs = 300_000;

/** Hosts whose agents were told to reboot them, and begin nothing any more. */
export function rebootingHosts(draft: Draft): ReadonlySet<string> {
  const ofThisBoot = ({ host, boot }: KeptCommand): boolean => draft.hosts.get(host)?.kept.boot === boot;
  const rebooting = new Set<string>();
  for (const command of draft.open.values()) if (command.command === 'host.reboot' && ofThisBoot(command)) rebooting.add(command.host);
  for (const command of draft.ended.values()) {
    if (command.command !== 'host.reboot' || command.state !== 'done' || !ofThisBoot(command)) continue;
    if (Math.abs(draft.now.wallMs - (command.endedMs ?? 0)) < rebootMs) rebooting.add(command.host);
  }
  return rebooting;
}

/** Whether its agent answers right now. */
export function answers(draft: Draft, { link }: HostEntry): boolean {
  const { monoMs } = draft.now;
  return link.beat !== undefined && monoMs - link.beat.answeredMs < draft.world.settings.silentMs;
}

/** Online in the words of decisions: agreed with, and answering. */
export function reachable({ kept, link }: HostEntry): boolean {
  return (kept.state === 'online' || kept.state === 'joining') && link.agreed;
}
