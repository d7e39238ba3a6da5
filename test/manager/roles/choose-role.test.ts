import { describe, expect, it } from 'vitest';
import { roleRuleEvaluator } from '../../../src/manager/expressions/role-rule.ts';
import { chooseRole } from '../../../src/manager/roles/choose-role.ts';
import type { RoleQuestion } from '../../../src/manager/roles/choose-role.ts';
import type { Role } from '../../../src/model/vm-environment.ts';
import { role } from '../placement/cluster.ts';

const byName = role('worker', ['worker']);
const byLabel = role('gateway', ['gateway'], { match: { labels: { rack: 'b' } } });
const byRule = role('large', ['worker'], { match: { when: 'properties.ram_total > 100000' } });
const byBoth = role('both', ['worker'], { match: { labels: { rack: 'b' }, when: 'machine.startsWith("post")' } });

function choose(roles: readonly Role[], question: Partial<RoleQuestion['machine']> & Partial<Omit<RoleQuestion, 'machine'>> = {}) {
  const { properties = {}, assigned, current, ...machine } = question;
  const asked = {
    machine: { name: 'post01', labels: {}, ...machine },
    properties,
    ...(assigned !== undefined && { assigned }),
    ...(current !== undefined && { current }),
  };
  const { role: chosen, by, reason, refused } = chooseRole(asked, roles, roleRuleEvaluator());
  return { role: chosen?.name, by, reason, refused };
}

describe('the role of a host', () => {
  it('is the one that its machine names, whatever else matches or was given', () => {
    const question = { role: 'worker', labels: { rack: 'b' }, assigned: { role: 'gateway', by: 'alice' } };
    expect(choose([byName, byLabel], question)).toEqual({ role: 'worker', by: 'machine', reason: 'Machine post01 names it', refused: [] });
  });

  it('is none where its machine names one that there is not, and that is said', () => {
    expect(choose([byLabel], { role: 'worker', labels: { rack: 'b' } })).toEqual({
      role: undefined,
      by: 'none',
      reason: 'Machine post01 names role worker, and there is no such Role: create it, or name another one',
      refused: [],
    });
  });

  it('is the one that it was given, before any that matches', () => {
    const question = { labels: { rack: 'b' }, assigned: { role: 'worker', by: 'trigger night' } };
    expect(choose([byName, byLabel], question)).toMatchObject({ role: 'worker', by: 'assigned', reason: 'given by trigger night' });
  });

  it('is one by label', () => {
    expect(choose([byName, byLabel], { labels: { rack: 'b', row: '1' } })).toMatchObject({
      role: 'gateway',
      by: 'label',
      reason: 'label rack=b',
    });
  });

  it('is one by rule', () => {
    expect(choose([byName, byRule], { properties: { ram_total: 128_000 } })).toMatchObject({
      role: 'large',
      by: 'rule',
      reason: 'rule properties.ram_total > 100000',
    });
  });

  it('is one by label and rule only where both hold', () => {
    expect(choose([byBoth], { labels: { rack: 'b' } })).toMatchObject({ role: 'both', by: 'rule' });
    expect(choose([byBoth], { name: 'node01', labels: { rack: 'b' } })).toMatchObject({
      role: undefined,
      refused: [{ role: 'both', reason: 'its rule is false' }],
    });
    expect(choose([byBoth], { labels: { rack: 'a' } })).toMatchObject({
      role: undefined,
      refused: [{ role: 'both', reason: 'it wants label rack=b, found a' }],
    });
  });

  it('is the one of the highest priority that matches, then the first by name, whatever their order', () => {
    const every = { match: { when: 'true' } };
    const roles = [role('c', [], every), role('b', [], every), role('d', [], { ...every, priority: 1 })];
    expect(choose(roles).role).toBe('d');
    expect(choose(roles.slice(0, 2)).role).toBe('b');
    expect(choose(roles.toReversed().slice(1)).role).toBe('b');
  });

  it('is not one whose rule reads a property that is not there yet; the next is asked', () => {
    const fallback = role('small', [], { match: { when: 'true' }, priority: -1 });
    const chosen = choose([byRule, fallback]);
    expect(chosen).toMatchObject({ role: 'small', refused: [{ role: 'large' }] });
    expect(chosen.refused[0]?.reason).toMatch(/^its rule could not be evaluated: .*ram_total/);
  });

  it('stays while its rule cannot be evaluated, and goes when it is false: a restart moves no VM', () => {
    const fallback = role('small', [], { match: { when: 'true' }, priority: -1 });
    const kept = choose([byRule, fallback], { current: 'large' });
    expect(kept).toMatchObject({ role: 'large', by: 'rule' });
    expect(kept.reason).toMatch(/^rule properties.ram_total > 100000; it keeps it, since its rule could not be evaluated: /);
    expect(choose([byRule, fallback], { current: 'large', properties: { ram_total: 1 } }).role).toBe('small');
    expect(choose([byLabel, fallback], { current: 'gateway' }).role).toBe('small');
  });

  it('is not one whose rule gives something else than true or false', () => {
    const odd = role('odd', [], { match: { when: '1' } });
    const asked = { machine: { name: 'post01', labels: {} }, properties: {} };
    const chosen = chooseRole(asked, [odd], () => ({ kind: 'value', value: 1 }));
    expect(chosen.refused).toEqual([{ role: 'odd', reason: 'its rule gives number, expected true or false' }]);
  });

  it.each([
    ['there are none', [], 'there are no roles yet: create a Role'],
    ['none has a match', [byName], 'Machine post01 names no role, and none matches (no Role has a match)'],
    [
      'none matches',
      [byLabel, byRule],
      'Machine post01 names no role, and none matches (gateway: it wants label rack=b, there is none, and 1 more)',
    ],
  ])('is none where %s', (_, roles, reason) => {
    expect(choose(roles)).toMatchObject({ role: undefined, by: 'none', reason });
  });

  it('is not found by a label that every object has', () => {
    const odd = role('odd', [], { match: { labels: { constructor: 'x' } } });
    expect(choose([odd]).refused).toEqual([{ role: 'odd', reason: 'it wants label constructor=x, there is none' }]);
  });
});
