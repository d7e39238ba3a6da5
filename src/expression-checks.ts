import { propertyCommands } from './agent/properties/property-commands.ts';
import { checkSentEntry } from './agent/properties/property-definition.ts';
import type { CheckExpression } from './machines/candidate.ts';
import { roleRuleProblems } from './manager/expressions/role-rule.ts';
import { checkTrigger } from './manager/triggers/check-trigger.ts';
import type { RoleProperty } from './model/property-definition.ts';

/** Whether the manager and its agents will understand what a document says, before it is kept. */
export const checkExpression: CheckExpression = (asked) => {
  if (asked.kind === 'rule') return roleRuleProblems(asked.expression).map(({ detail }) => ({ pointer: '', detail }));
  if (asked.kind === 'property') return propertyProblems(asked.property);
  const checked = checkTrigger(asked.trigger);
  return checked.kind === 'checked' ? [] : checked.problems;
};

function propertyProblems({ name, ...entry }: RoleProperty): ReturnType<CheckExpression> {
  const checked = checkSentEntry(name, entry, propertyCommands);
  if (checked.kind === 'definition') return [];
  return checked.problems.map(({ key, message }) => ({ pointer: key === undefined ? '' : `/${key}`, detail: message }));
}
