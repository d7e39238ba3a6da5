import type { TriggerCommand } from '../../model/vm-environment.ts';
import { holdReason } from '../decide/storm.ts';
import { wantedCount } from '../decide/wanted.ts';
import type { Draft } from '../draft.ts';
import type { FiredTrigger } from '../triggers/trigger-book.ts';
import { scale } from './about-environments.ts';
import { setDuty, setRole } from './about-hosts.ts';
import type { Decision } from './asking.ts';

/** Does what a trigger says, as a person would. @returns what became of it, in words. */
export function performTrigger(draft: Draft, { trigger, agent, command, inputs }: FiredTrigger): string {
  const author = `trigger ${trigger}`;
  const outcome = perform(draft, command, author);
  const about = { trigger, command: command.command, outcome, inputs, ...(agent === undefined ? {} : { agent }) };
  const machine = agent ?? ('machine' in command ? command.machine : undefined);
  const severity = command.command === 'notify' ? command.severity : 'info';
  draft.tell('trigger.fired', severity, about, machine);
  return outcome;
}

function perform(draft: Draft, command: TriggerCommand, author: string): string {
  switch (command.command) {
    case 'scale':
      return scaleBy(draft, command, author);
    case 'drain':
      return words(setDuty(command.machine ?? '', 'draining')(draft, { author }), `${command.machine ?? ''} is being emptied`);
    case 'assign-role':
      return words(
        setRole(command.machine ?? '', command.role)(draft, { author }),
        `${command.machine ?? ''} was given role ${command.role}`,
      );
    case 'power':
      return switchPower(draft, command.machine ?? '', command.action);
    case 'notify':
      return command.message;
    case 'query':
      draft.send({
        kind: 'group',
        group: command.group,
        message: { v: 1, kind: 'FETCHPROP', id: draft.world.newId(), names: [...command.properties] },
      });
      return `${command.group} was asked for ${command.properties.join(', ')}`;
  }
}

function words(decision: Decision<unknown>, done: string): string {
  if (decision.kind === 'done') return done;
  return decision.kind === 'refused' ? `refused: ${decision.reason}` : `there is no ${decision.what}`;
}

/** What is beyond the environment's bounds is brought to them. */
function scaleBy(draft: Draft, { environment: name, to, by = 0 }: Extract<TriggerCommand, { command: 'scale' }>, author: string): string {
  const environment = draft.world.objects.environments.get(name);
  if (environment === undefined) return `there is no Environment ${name}`;
  const { min, max } = environment.count;
  const before = wantedCount(environment, draft.environments.get(name)).count;
  const count = Math.min(max, Math.max(min, to ?? before + by));
  if (count === before) return `${name} stays at ${before} (${min} to ${max})`;
  return words(scale(name, count, () => undefined)(draft, { author }), `${name} was scaled from ${before} to ${count}`);
}

function switchPower(draft: Draft, machine: string, action: 'on' | 'off' | 'cycle'): string {
  if (!draft.world.hasPower(machine)) return `refused: ${machine} has no power control`;
  const hold = holdReason(draft);
  if (action !== 'on' && hold !== undefined) return `refused: nothing is switched off during a hold (${hold.reason})`;
  const kept = draft.hosts.get(machine)?.kept;
  draft.power.push({ host: machine, boot: kept?.boot ?? 0, session: kept?.session ?? 0, action });
  return `${machine} is being switched ${action}`;
}
