import type { CheckExpression } from './machines/candidate.ts';
import { roleRuleProblems } from './manager/expressions/role-rule.ts';
import { checkTrigger } from './manager/triggers/check-trigger.ts';

/** Whether the manager will understand what a document says, before it is kept. */
export const checkExpression: CheckExpression = (asked) => {
  if (asked.kind === 'rule') return roleRuleProblems(asked.expression).map(({ detail }) => ({ pointer: '', detail }));
  const checked = checkTrigger(asked.trigger);
  return checked.kind === 'checked' ? [] : checked.problems;
};
