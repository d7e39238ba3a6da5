import { didYouMean } from '../../documents/problems.ts';
import type { Trigger, TriggerCommand } from '../../model/vm-environment.ts';
import { compileExpression } from '../expressions/expression.ts';
import type { Expression } from '../expressions/expression.ts';
import { propertiesRead } from '../expressions/expression-reads.ts';
import { agentTriggerKinds, triggerKinds } from './trigger-facts.ts';

export interface TriggerProblem {
  /** RFC 6901, into the trigger's document. */
  readonly pointer: string;
  readonly detail: string;
}

/** What a trigger may name. A set that is left out is not checked. */
export interface KnownNames {
  readonly environments?: ReadonlySet<string>;
  readonly roles?: ReadonlySet<string>;
  readonly machines?: ReadonlySet<string>;
}

export const triggerLimits = {
  maxTicks: 86_400,
  maxQuietSeconds: 30 * 86_400,
  minQuietSeconds: 30,
  maxMessage: 512,
  maxProperties: 64,
} as const;

export type CheckedTrigger =
  | { readonly kind: 'checked'; readonly expression: Expression }
  | { readonly kind: 'refused'; readonly problems: readonly TriggerProblem[] };

/** Everything about a trigger that can be seen without evaluating it. */
export function checkTrigger(trigger: Trigger, known: KnownNames = {}): CheckedTrigger {
  const compiled = compileExpression(trigger.expr, trigger.forEach === 'agent' ? agentTriggerKinds : triggerKinds);
  const problems: TriggerProblem[] =
    compiled.kind === 'refused'
      ? compiled.problems.map(({ line, offset, detail }) => ({ pointer: '/expr', detail: `line ${line}, letter ${offset + 1}: ${detail}` }))
      : expressionProblems(trigger, compiled.expression);
  problems.push(...timeProblems(trigger), ...commandProblems(trigger, known));
  return problems.length === 0 && compiled.kind === 'compiled'
    ? { kind: 'checked', expression: compiled.expression }
    : { kind: 'refused', problems };
}

function expressionProblems(trigger: Trigger, expression: Expression): TriggerProblem[] {
  const problems: TriggerProblem[] = [];
  if (expression.type !== 'bool' && expression.type !== 'dyn')
    problems.push({ pointer: '/expr', detail: `expected true or false, this gives ${expression.type}: compare it with something` });
  if (trigger.onUpdateCheck && propertiesRead(expression.reads).size === 0)
    problems.push({ pointer: '/onUpdateCheck', detail: 'expr reads no property that could be updated: give it ticks instead' });
  return problems;
}

function timeProblems({ ticks, onUpdateCheck, quietSeconds, cmd }: Trigger): TriggerProblem[] {
  const problems: TriggerProblem[] = [];
  if (!Number.isInteger(ticks) || ticks < 0 || ticks > triggerLimits.maxTicks)
    problems.push({ pointer: '/ticks', detail: `expected whole seconds from 0 to ${triggerLimits.maxTicks}` });
  else if (ticks === 0 && !onUpdateCheck)
    problems.push({ pointer: '/ticks', detail: 'it is never evaluated: give it ticks, or onUpdateCheck: true' });
  if (!Number.isInteger(quietSeconds) || quietSeconds < 0 || quietSeconds > triggerLimits.maxQuietSeconds)
    problems.push({ pointer: '/quietSeconds', detail: `expected whole seconds from 0 to ${triggerLimits.maxQuietSeconds}` });
  else if (quietSeconds < triggerLimits.minQuietSeconds && needsQuiet(cmd))
    problems.push({
      pointer: '/quietSeconds',
      detail: `expected at least ${triggerLimits.minQuietSeconds}: while expr stays true, ${cmd.command} is done again and again, and what it did needs time to show`,
    });
  return problems;
}

/** Commands that do more each time that they are done. */
function needsQuiet(cmd: TriggerCommand): boolean {
  return cmd.command === 'power' || cmd.command === 'drain' || (cmd.command === 'scale' && cmd.by !== undefined);
}

function commandProblems(trigger: Trigger, known: KnownNames): TriggerProblem[] {
  const { cmd } = trigger;
  switch (cmd.command) {
    case 'query':
      return queryProblems(cmd);
    case 'scale':
      return [...scaleProblems(cmd), ...unknownName('/cmd/environment', 'Environment', cmd.environment, known.environments)];
    case 'assign-role':
      return [...machineProblems(trigger, cmd.machine, known), ...unknownName('/cmd/role', 'Role', cmd.role, known.roles)];
    case 'drain':
    case 'power':
      return machineProblems(trigger, cmd.machine, known);
    case 'notify':
      return notifyProblems(trigger, cmd.message);
  }
}

function queryProblems({ group, properties }: Extract<TriggerCommand, { command: 'query' }>): TriggerProblem[] {
  const problems: TriggerProblem[] = [];
  if (!/^(?:all|role\.[\w.-]{1,58}|label\.[\w.-]{1,57})$/.test(group))
    problems.push({ pointer: '/cmd/group', detail: 'expected all, role.<role> or label.<key>.<value>' });
  if (properties.length === 0 || properties.length > triggerLimits.maxProperties)
    problems.push({ pointer: '/cmd/properties', detail: `expected 1 to ${triggerLimits.maxProperties} names` });
  for (const [index, name] of properties.entries())
    if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(name))
      problems.push({ pointer: `/cmd/properties/${index}`, detail: `expected the name of a property, found ${JSON.stringify(name)}` });
  return problems;
}

function scaleProblems({ to, by }: Extract<TriggerCommand, { command: 'scale' }>): TriggerProblem[] {
  if ((to === undefined) === (by === undefined))
    return [{ pointer: '/cmd', detail: 'expected either to (a count) or by (how many more; fewer: -1)' }];
  if (to !== undefined && (!Number.isInteger(to) || to < 0 || to > 10_000))
    return [{ pointer: '/cmd/to', detail: 'expected a count from 0 to 10000' }];
  if (by !== undefined && (!Number.isInteger(by) || by === 0 || Math.abs(by) > 100))
    return [{ pointer: '/cmd/by', detail: 'expected a whole number from -100 to 100 that is not 0' }];
  return [];
}

function machineProblems(trigger: Trigger, machine: string | undefined, known: KnownNames): TriggerProblem[] {
  if (machine !== undefined) return unknownName('/cmd/machine', 'Machine', machine, known.machines);
  if (trigger.forEach === 'agent') return [];
  return [{ pointer: '/cmd/machine', detail: 'expected a machine; or forEach: agent, and it is the agent that expr is true for' }];
}

function notifyProblems(trigger: Trigger, message: string): TriggerProblem[] {
  if (message.trim() === '' || message.length > triggerLimits.maxMessage)
    return [{ pointer: '/cmd/message', detail: `expected a text of at most ${triggerLimits.maxMessage} letters` }];
  if (message.includes('{agent}') && trigger.forEach !== 'agent')
    return [{ pointer: '/cmd/message', detail: '{agent} stands for the agent of forEach: agent, and this trigger has none' }];
  return [];
}

function unknownName(pointer: string, kind: string, name: string, known: ReadonlySet<string> | undefined): TriggerProblem[] {
  if (known === undefined || known.has(name)) return [];
  return [{ pointer, detail: `there is no ${kind} ${name}${didYouMean(name, known)}` }];
}
