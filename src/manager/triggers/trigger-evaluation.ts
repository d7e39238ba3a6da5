import type { Trigger } from '../../model/vm-environment.ts';
import { newBudget, stepsAtOnce } from '../expressions/budget.ts';
import type { Expression } from '../expressions/expression.ts';
import type { TriggerEvaluation } from '../manager-control.ts';
import { AgentRound } from './agent-round.ts';
import { commandFor, commandText, findingOf } from './evaluate-trigger.ts';
import type { Finding } from './evaluate-trigger.ts';
import { contextOf } from './trigger-facts.ts';
import type { TriggerFacts } from './trigger-facts.ts';
import { inputsOf } from './trigger-inputs.ts';

const shownAgents = 50;

/** What a trigger would do now; nothing is done or remembered. Of very many agents it looks at the first ones. */
export function dryRun(trigger: Trigger, expression: Expression, facts: TriggerFacts, nowMs: number): TriggerEvaluation {
  const context = contextOf(facts, expression.reads, nowMs);
  if (trigger.forEach === 'once') {
    const finding = supposed(trigger, findingOf(expression, context, newBudget()));
    return evaluationOf(trigger, [finding], inputsOf(expression.reads, context), nowMs);
  }
  const round = new AgentRound(facts.agents);
  const { findings, inputs } = round.advance(expression, context, facts.agents, newBudget(stepsAtOnce));
  const said = findings.map((finding) => supposed(trigger, finding));
  const evaluation = evaluationOf(trigger, said, inputs, nowMs);
  if (round.left === 0) return evaluation;
  return { ...evaluation, reason: `of the first ${said.length} of ${facts.agents.length} agents: ${evaluation.reason}` };
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
