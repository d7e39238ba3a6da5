import { exhausted, newBudget, stepsPerEvaluation } from '../expressions/budget.ts';
import type { Budget } from '../expressions/budget.ts';
import type { Context } from '../expressions/evaluate.ts';
import type { Expression } from '../expressions/expression.ts';
import { findingOf } from './evaluate-trigger.ts';
import type { Finding } from './evaluate-trigger.ts';
import type { AgentFacts } from './trigger-facts.ts';
import { inputsOf } from './trigger-inputs.ts';

/** Of one trigger for all agents, however many moments it takes. */
export const stepsPerRound = 20 * stepsPerEvaluation;

/** What was said of some of the agents at one moment. */
export interface Advance {
  readonly findings: readonly Finding[];
  readonly inputs: Readonly<Record<string, unknown>>;
}

/**
 * One evaluation of a trigger for each agent, in the order of their names. Each agent has a budget of its own; those that one moment has
 * no steps left for have their turn at the next, with what is true then.
 */
export class AgentRound {
  readonly #left: string[];
  #steps = stepsPerRound;
  #isCostly = false;

  constructor(agents: readonly AgentFacts[]) {
    this.#left = agents.map(({ name }) => name).sort((a, b) => (a < b ? -1 : 1));
  }

  get left(): number {
    return this.#left.length;
  }
  /** One agent, or all of them together, had more steps than there are. */
  get isCostly(): boolean {
    return this.#isCostly;
  }

  /** Goes on for as long as `moment` has steps. Who is gone meanwhile is left out. */
  advance(expression: Expression, context: Context, agents: readonly AgentFacts[], moment: Budget): Advance {
    const byName = new Map(agents.map((agent) => [agent.name, agent]));
    const seen: AgentFacts[] = [];
    const findings: Finding[] = [];
    for (let name = this.#left[0]; name !== undefined && moment.steps > 0; name = this.#left[0]) {
      const agent = byName.get(name);
      const finding = agent === undefined ? undefined : this.#evaluate(expression, { ...context, agent }, moment);
      if (finding === 'later') break;
      this.#left.shift();
      if (agent === undefined || finding === undefined) continue;
      seen.push(agent);
      findings.push({ agent: name, ...finding });
    }
    return { findings, inputs: inputsOf(expression.reads, { ...context, agent: seen }, 'agent') };
  }

  #evaluate(expression: Expression, context: Context, moment: Budget): Finding | 'later' {
    if (this.#steps <= 0) {
      this.#isCostly = true;
      return { result: 'error', reason: exhausted.reason };
    }
    const steps = Math.min(stepsPerEvaluation, moment.steps);
    const budget = newBudget(steps);
    const finding = findingOf(expression, context, budget);
    const spent = steps - Math.max(0, budget.steps);
    moment.steps -= spent;
    this.#steps -= spent;
    if (budget.steps >= 0) return finding;
    if (steps < stepsPerEvaluation) return 'later';
    this.#isCostly = true;
    return finding;
  }
}
