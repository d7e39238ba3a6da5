import type { TriggerCommand } from '../../model/vm-environment.ts';
import type { Budget } from '../expressions/budget.ts';
import type { Context } from '../expressions/evaluate.ts';
import type { Expression } from '../expressions/expression.ts';

export type Verdict = 'true' | 'false' | 'error';

/** What an expression said, once or of one agent. */
export interface Finding {
  readonly agent?: string;
  readonly result: Verdict;
  /** Of an error. */
  readonly reason: string;
}

/** What an expression says of this context. */
export function findingOf(expression: Expression, context: Context, budget: Budget): Finding {
  const outcome = expression.evaluate(context, budget);
  if (outcome.kind === 'error') return { result: 'error', reason: outcome.reason };
  if (typeof outcome.value === 'boolean') return { result: outcome.value ? 'true' : 'false', reason: '' };
  return {
    result: 'error',
    reason: `expected true or false, it gives ${typeof outcome.value === 'string' ? 'a text' : typeof outcome.value}`,
  };
}

/** The command of a trigger with what was left open filled in by the agent that it fired for. */
export function commandFor(cmd: TriggerCommand, agent: string | undefined): TriggerCommand {
  if (agent === undefined) return cmd;
  if (cmd.command === 'notify') return { ...cmd, message: cmd.message.replaceAll('{agent}', agent) };
  return cmd.command === 'drain' || cmd.command === 'power' || cmd.command === 'assign-role'
    ? { ...cmd, machine: cmd.machine ?? agent }
    : cmd;
}

/** `drain post05`, for people. */
export function commandText(cmd: TriggerCommand): string {
  switch (cmd.command) {
    case 'query':
      return `query ${cmd.properties.join(', ')} of ${cmd.group}`;
    case 'scale':
      return `scale ${cmd.environment} ${cmd.to === undefined ? `by ${cmd.by ?? 0}` : `to ${cmd.to}`}`;
    case 'assign-role':
      return `assign role ${cmd.role} to ${cmd.machine ?? 'the agent'}`;
    case 'drain':
      return `drain ${cmd.machine ?? 'the agent'}`;
    case 'power':
      return `power ${cmd.action} ${cmd.machine ?? 'the agent'}`;
    case 'notify':
      return `notify: ${cmd.message}`;
  }
}
