import { describe, expect, it } from 'vitest';
import { roleRuleEvaluator, roleRuleProblems } from '../../../src/manager/expressions/role-rule.ts';

const facts = { machine: 'post01', labels: { rack: 'a' }, properties: { cpu_count: 8, model: 'R710' } };

describe('the rule of a role', () => {
  it.each([
    ['properties.cpu_count >= 8 && labels.rack == "a"', { kind: 'value', value: true }],
    ['machine.matches("^post[0-9]+$")', { kind: 'value', value: true }],
    ['has(labels.zone) && labels.zone == "x"', { kind: 'value', value: false }],
    ['labels.zone == "x"', { kind: 'error', reason: 'labels.zone is not there' }],
    ['agents.size() > 1', { kind: 'error', reason: 'there is no variable agents; there are machine, labels, properties' }],
  ])('%s gives %j', (text, outcome) => {
    const evaluate = roleRuleEvaluator();
    expect(evaluate(text, facts)).toEqual(outcome);
    expect(evaluate(text, facts)).toEqual(outcome);
  });

  it('is refused where it is not a condition, and said to be where it is', () => {
    expect(roleRuleProblems('machine')).toMatchObject([{ detail: 'expected true or false, this gives string' }]);
    expect(roleRuleProblems('machne == "a"')).toMatchObject([{ detail: 'there is no variable machne (did you mean machine?)' }]);
    expect(roleRuleProblems('properties.flag')).toEqual([]);
  });
});
