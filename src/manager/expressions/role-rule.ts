import { newBudget } from './budget.ts';
import { compileExpression } from './expression.ts';
import type { Compiled, ExpressionOutcome, ExpressionProblem } from './expression.ts';
import type { Kinds } from './expression-types.ts';

/** What the rule of a role sees: one host. */
export const roleRuleKinds: Kinds = { machine: 'string', labels: { map: 'string' }, properties: { map: 'any' } };

const stepsPerRule = 10_000;
const keptRules = 256;

/** What is wrong with `match.when` of a role. */
export function roleRuleProblems(text: string): readonly ExpressionProblem[] {
  const compiled = compileExpression(text, roleRuleKinds);
  if (compiled.kind === 'refused') return compiled.problems;
  const { type } = compiled.expression;
  return type === 'bool' || type === 'dyn' ? [] : [{ offset: 0, line: 1, detail: `expected true or false, this gives ${type}` }];
}

/** Evaluates rules over hosts; keeps what it has compiled. */
export function roleRuleEvaluator(): (
  text: string,
  facts: Readonly<Record<'machine' | 'labels' | 'properties', unknown>>,
) => ExpressionOutcome {
  const rules = new Map<string, Compiled>();
  return (text, facts) => {
    const compiled = rules.get(text) ?? compileExpression(text, roleRuleKinds);
    if (rules.size >= keptRules) rules.clear();
    rules.set(text, compiled);
    if (compiled.kind === 'compiled') return compiled.expression.evaluate({ ...facts }, newBudget(stepsPerRule));
    return { kind: 'error', reason: compiled.problems.map(({ detail }) => detail).join('; ') };
  };
}
