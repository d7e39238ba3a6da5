import type { Trigger } from '../../model/vm-environment.ts';
import { newBudget } from '../expressions/budget.ts';
import type { Expression } from '../expressions/expression.ts';
import type { TriggerEvaluation } from '../manager-control.ts';
import { commandFor, commandText, evaluateTrigger } from './evaluate-trigger.ts';
import type { Finding } from './evaluate-trigger.ts';
import { contextOf } from './trigger-facts.ts';
import type { TriggerFacts } from './trigger-facts.ts';

const shownAgents = 50;

/** What a trigger would do now; nothing is done or remembered. */
export function dryRun(trigger: Trigger, expression: Expression, facts: TriggerFacts, nowMs: number): TriggerEvaluation {
  const context = contextOf(facts, expression.reads, nowMs);
  const { findings, inputs } = evaluateTrigger(trigger, expression, context, facts.agents, newBudget());
  return evaluationOf(
    trigger,
    findings.map((finding) => supposed(trigger, finding)),
    inputs,
    nowMs,
  );
}

function supposed(trigger: Trigger, finding: Finding): Finding {
  if (finding.result !== 'true') return finding;
  return { ...finding, reason: `would fire: ${commandText(commandFor(trigger.cmd, finding.agent))}` };
}

/** What the findings come to, with what fired first. */
export function evaluationOf(
  trigger: Trigger,
  findings: readonly Finding[],
  inputs: Readonly<Record<string, unknown>>,
  atMs: number,
): TriggerEvaluation {
  if (trigger.forEach === 'once') {
    const [finding] = findings;
    return { atMs, result: finding?.result ?? 'false', reason: finding?.reason || 'expr is false', inputs };
  }
  const count = (result: Finding['result']): number => findings.filter((each) => each.result === result).length;
  const notable = findings.toSorted((a, b) => rank(a) - rank(b));
  const first = notable[0];
  const result = count('true') > 0 ? 'true' : count('error') > 0 ? 'error' : 'false';
  const of = `true for ${count('true')} of ${findings.length} agents${count('error') > 0 ? `, no value for ${count('error')}` : ''}`;
  const why = first === undefined ? 'there are no agents' : first.reason === '' ? of : `${of}; ${first.agent ?? ''}: ${first.reason}`;
  const agents = notable
    .slice(0, shownAgents)
    .map((each) => ({ agent: each.agent ?? '', result: each.result, reason: each.reason || 'expr is false' }));
  return { atMs, result, reason: why, inputs, agents };
}

/** What fired comes first, then what would have, then errors. */
function rank({ result, reason }: Finding): number {
  if (result === 'true') return reason.startsWith('fired') || reason.startsWith('would fire') ? 0 : 1;
  return result === 'error' ? 2 : 3;
}
