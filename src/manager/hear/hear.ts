import { hearNetwork } from '../decide/bring-up.ts';
import { hearPower } from '../decide/fencing.ts';
import { hearImage } from '../decide/prefetch.ts';
import type { Draft } from '../draft.ts';
import type { AgentMessage } from '../protocol.ts';
import type { KeptCommand } from '../state.ts';
import { hearControlErr, hearControlVal } from './control-answers.ts';
import type { Heard } from './control-answers.ts';
import { hearExecErr, hearExecVal } from './exec-answers.ts';
import type { Input } from './input.ts';
import { hearPresence } from './presence.ts';

type Answer = Extract<AgentMessage, { kind: 'EXECVAL' | 'EXECERR' }>;

/** A little less than a minute, in which the way from the agents says such things once: what it says is told. */
const refusedEveryMs = 50_000;

/** Takes one thing that was heard into the draft. @returns whether it is worth deciding anew at once. */
export function hear(draft: Draft, input: Input): Heard {
  switch (input.kind) {
    case 'presence':
      hearPresence(draft, input.host, input.presence);
      return 'news';
    case 'message':
      return hearMessage(draft, input);
    case 'refused':
      refuse(draft, input.host, input.reason, input.flood);
      return 'nothing-new';
    case 'power':
      if (input.ask.action === 'fence' || input.ask.action === 'off') hearPower(draft, input.ask, input.reading);
      return 'news';
    case 'bus':
      hearBus(draft, input.connected, input.reason);
      return 'news';
    case 'stalled':
      hearStall(draft, input.forMs);
      return 'news';
    case 'asked':
      input.act(draft);
      return 'news';
    case 'look':
      return 'news';
  }
}

function refuse(draft: Draft, host: string, reason: string, flood: boolean): void {
  const machine = draft.world.objects.machines.has(host) ? host : undefined;
  const kind = flood ? 'agent.flood' : 'agent.refused';
  draft.tellOnce(
    `${kind} ${host}`,
    refusedEveryMs,
    kind,
    'warning',
    { agent: host, reason: `${reason}; everything else goes on` },
    machine,
  );
}

function hearMessage(draft: Draft, input: Input & { kind: 'message' }): Heard {
  const entry = draft.hosts.get(input.host);
  if (entry === undefined) {
    refuse(draft, input.host, 'a message of an agent whose boot was not heard of', false);
    return 'nothing-new';
  }
  const { message } = input;
  switch (message.kind) {
    case 'CONTROLVAL':
      return hearControlVal(draft, entry, message, input);
    case 'CONTROLERR':
      return hearControlErr(draft, entry, message);
    case 'EXECVAL':
    case 'EXECERR':
      return hearAnswer(draft, input.host, message);
    case 'PROPVAL':
    case 'PROPLIST':
    case 'PROPERR':
      return 'nothing-new';
  }
}

function hearAnswer(draft: Draft, host: string, message: Answer): Heard {
  const entry = draft.hosts.get(host);
  const command = draft.open.get(message.reply);
  if (entry === undefined) return 'nothing-new';
  const heard = message.kind === 'EXECVAL' ? hearExecVal(draft, entry, message) : hearExecErr(draft, entry, message);
  if (heard === 'foreign') {
    refuse(draft, host, `an answer to a command that it was not given (${message.kind})`, false);
    return 'nothing-new';
  }
  if (command !== undefined && !draft.open.has(command.id)) hearEnd(draft, command, message);
  return heard;
}

function hearEnd(draft: Draft, command: KeptCommand, message: Answer): void {
  const problem = message.kind === 'EXECERR' ? message.reason : undefined;
  const { command: name } = command;
  if (name === 'network.up' || name === 'network.down') hearNetwork(draft, command, problem);
  if (name === 'image.fetch' || (name === 'vm.create' && problem === undefined)) hearImage(draft, command, problem !== undefined);
}

/** While the manager itself was away, nobody was silent. */
function hearBus(draft: Draft, connected: boolean, reason: string): void {
  const before = draft.memory.bus;
  draft.remember({ bus: { connected, reason, sinceMs: before.connected === connected ? before.sinceMs : draft.now.wallMs } });
  if (before.connected === connected) return;
  if (!connected) {
    draft.tell('manager.hold', 'warning', { reason: `this manager is not on the bus: ${reason}`, by: 'storm-guard' });
    return;
  }
  excuse(draft, draft.world.settings.returnGraceMs);
  if (before.sinceMs > 0) draft.tell('manager.released', 'info', { reason: 'this manager is on the bus again', by: 'storm-guard' });
}

function hearStall(draft: Draft, forMs: number): void {
  const { silentMs } = draft.world.settings;
  draft.remember({ stalledUntilMs: draft.now.monoMs + silentMs });
  excuse(draft, 0);
  draft.tellOnce('stalled', 60_000, 'manager.hold', 'warning', {
    reason: `this manager stood still for ${Math.round(forMs / 1000)} s: nothing is fenced, given up or recovered for ${silentMs / 1000} s`,
    by: 'storm-guard',
  });
}

function excuse(draft: Draft, graceMs: number): void {
  for (const name of draft.hosts.keys()) draft.changeLink(name, { quietFromMs: draft.now.monoMs + graceMs });
}
