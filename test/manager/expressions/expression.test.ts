import { Environment } from '@marcbachmann/cel-js';
import { describe, expect, it } from 'vitest';
import { newBudget, stepsPerEvaluation } from '../../../src/manager/expressions/budget.ts';
import { compileExpression } from '../../../src/manager/expressions/expression.ts';
import type { ExpressionOutcome } from '../../../src/manager/expressions/expression.ts';
import { pathText } from '../../../src/manager/expressions/expression-reads.ts';
import type { Kinds } from '../../../src/manager/expressions/expression-types.ts';

const Agent = {
  name: 'Agent',
  fields: { name: 'string', cpus: 'number', properties: { map: 'any' }, labels: { map: 'string' }, bridges: { list: 'string' } },
} as const;
const kinds: Kinds = { agent: Agent, agents: { list: Agent }, groups: { map: Agent }, on: 'bool' };

const agents = Array.from({ length: 500 }, (_, index) => ({
  name: `post${index}`,
  cpus: index % 8,
  labels: { rack: index < 250 ? 'a' : 'b' },
  bridges: ['xenbr0'],
  properties: { ...(index !== 7 && { load: index / 100 }), text: 'a'.repeat(64_000), list: [1, 2.5, 'x'], odd: true },
}));
const context = { agent: agents[3], agents, groups: { workers: agents[0] }, on: true };

function evaluated(text: string, steps = stepsPerEvaluation): ExpressionOutcome {
  const compiled = compileExpression(text, kinds);
  if (compiled.kind === 'refused') throw new Error(`${text}: ${compiled.problems.map(({ detail }) => detail).join('; ')}`);
  return compiled.expression.evaluate(context, newBudget(steps));
}

function refusals(text: string): string[] {
  const compiled = compileExpression(text, kinds);
  return compiled.kind === 'refused' ? compiled.problems.map(({ line, offset, detail }) => `${line}:${offset}: ${detail}`) : [];
}

function reads(text: string): string[] {
  const compiled = compileExpression(text, kinds);
  return compiled.kind === 'compiled' ? compiled.expression.reads.map(pathText) : [];
}

describe('an expression', () => {
  it.each([
    ['agent.cpus == 3', true],
    ['3 == agent.cpus && 3 <= agent.cpus', true],
    ['agent.cpus != 3.5', true],
    ['agent.cpus * 2 + 1 == 7', true],
    ['agent.cpus / 2 == 1.5', true],
    ['7 / 2 == 3', true],
    ['7 % 4 == 3 && -7 / 2 == -3', true],
    ['agent.cpus in [1, 3]', true],
    ['agent.labels.rack in ["a", "b"]', true],
    ['"rack" in agent.labels', true],
    ['"xenbr0" in agent.bridges', true],
    ['2.5 in agent.properties.list', true],
    ['agent.properties.list == [1, 2.5, "x"]', true],
    ['agent.properties.list[2] == "x"', true],
    ['agent.properties["load"] > 0', true],
    ['has(agent.properties.load) && !has(agent.properties.nothing)', true],
    ['agents.exists(a, a.name == "post499")', true],
    ['agents.exists_one(a, a.name == "post499")', true],
    ['agents.filter(a, a.labels.rack == "b").size() == 250', true],
    ['agents.filter(a, a.cpus > 6).map(a, a.cpus).avg() == 7', true],
    ['agents.map(a, a.cpus == 7, a.cpus).max() == 7', true],
    ['[1, 2, 3].sum() == 6 && [1.5, 2].min() == 1.5', true],
    ['groups.exists(g, g == "workers") && groups.workers.cpus == 0', true],
    ['agent.name.matches("^post[0-9]$") && agent.name.startsWith("post") && agent.name.endsWith("3")', true],
    ['int("12") + 1 == 13 && double("1e3") == 1000 && string(1.5) == "1.5"', true],
    ['on ? agent.cpus < 4 : agent.cpus > 4', true],
    ['"größe".size() == 5 && "😀".size() == 1', true],
    ['"Ä A".lowerAscii() == "Ä a"', true],
    ['dyn(1) == "1"', false],
  ])('%s is %s', (text, value) => {
    expect(evaluated(text)).toEqual({ kind: 'value', value });
  });

  it.each([
    'agents.all(a, a.properties.load < 1)',
    'agents.all(a, a.properties.load < 1) || false',
    'agents.exists(a, a.properties.load < 0)',
  ])('%s: what is not there for one agent is made up for by an agent that decides, and else names the agent', (text) => {
    const outcome = evaluated(text);
    expect(outcome).toEqual(
      text.includes('exists') ? { kind: 'error', reason: 'a.properties.load is not there (a is post7)' } : { kind: 'value', value: false },
    );
  });

  it.each([
    ['agent.properties.text > 3', 'agent.properties.text > 3: >: expected two numbers or two texts, found a text and a number'],
    ['agent.properties.load.more == 1', 'agent.properties.load.more is not there'],
    ['agents[500].name == ""', 'agents[500] is not there'],
    ['agents.filter(a, a.cpus > 99).map(a, a.cpus).avg() > 1', 'avg() of an empty list: ask for its size() first'],
    ['9223372036854775807 + 1 > 0', '9223372036854775807 + 1: +: a whole number of more than 64 bits'],
    ['1 / 0 == 1', '1 / 0: /: division by zero'],
    ['agent.properties.text && true', 'agent.properties.text: expected true or false, found a text'],
    ['int("0x10") == 16', 'int("0x10"): int(): expected a number or its text, found a text'],
  ])('%s has no value, and says why', (text, reason) => {
    const outcome = evaluated(text);
    expect(outcome.kind === 'error' ? outcome.reason : '').toContain(reason);
  });

  it('says the other side of an || or && where one side has no value (CEL, logical operators)', () => {
    expect(evaluated('agent.properties.nothing == 1 || true')).toEqual({ kind: 'value', value: true });
    expect(evaluated('agent.properties.nothing == 1 && false')).toEqual({ kind: 'value', value: false });
    expect(evaluated('agent.properties.nothing == 1 && true').kind).toBe('error');
  });

  it.each([
    '1 + 2 * 3',
    '7 / 2',
    '-7 % 4',
    '"a" < "b"',
    '[1, 2] == [1, 2]',
    '[1, 2, 3].filter(x, x > 1)',
    '[1, 2].map(x, x * 2)',
    '1 in [1, 2]',
  ])('%s has the value that the library gives it', (text) => {
    expect(evaluated(text)).toEqual({ kind: 'value', value: new Environment().evaluate(text, {}) as unknown });
  });

  it('says what it reads, through loops, filters and maps', () => {
    expect(reads('agent.properties.load > 1 && agent.name == "x"')).toEqual(['agent.properties.load', 'agent.name']);
    expect(reads('agents.filter(a, a.labels.rack == "a").map(b, b.properties).exists(p, p.load > agent.cpus)')).toEqual([
      'agents[].labels.rack',
      'agents[].properties.load',
      'agent.cpus',
    ]);
    expect(reads('agent.properties["a.b"] == agents[0].properties[agent.name]')).toEqual([
      'agent.properties.a.b',
      'agent.name',
      'agents[].properties.*',
    ]);
    expect(reads('has(agent.properties.load) && on')).toEqual(['agent.properties.load', 'on']);
  });
});

describe('what an expression may be', () => {
  it.each([
    ['agent.nam == "x"', '1:6: there is no field nam (did you mean name?)'],
    ['agen.name == "x"', '1:0: there is no variable agen (did you mean agent?)'],
    ['agents.exists(a,\n  a.nam == "x")', '2:21: there is no field nam (did you mean name?)'],
    ['agent.name > 3', '1:0: no such overload: string > int'],
    ['agent.name.sort()', '1:0: there is no sort()'],
    ['agents.all(a, agents.all(b, a == b))', '1:14: all() inside all(): loops within loops are not there'],
    ['agents.filter(a, a.bridges.exists(b, b == "x")).size() > 1', '1:17: exists() inside filter()'],
    ['{"a": 1} == {"a": 1}', '1:1: too large: maps are not written'],
    ['{} == {}', '1:0: maps are not written'],
    ['b"x" == b"x"', '1:0: expected a number, a text'],
    ['1u == 1u', '1:0: expected a number, a text'],
    ['cel.bind(x, agent.name, x + x)', '1:0: there is no bind()'],
    ['google.protobuf.Duration == 1', '1:0: there is no variable google'],
    ['duration("1s") > duration("2s")', '1:0: there is no duration()'],
    ['agent.name.matches(agent.labels.rack)', '1:0: matches(): the pattern stands in the expression itself'],
    ['agent.name.matches("(a")', '1:0: the pattern "(a": a ( without its )'],
    ['agent.name == "x', '1:14: Unterminated string'],
    ['', '1:0: Unexpected token: EOF'],
    ['true &&', '1:7: Unexpected token: EOF'],
    ['agent.name == "a" # no', '1:18: Unexpected character: #'],
  ])('%j is refused: %s', (text, problem) => {
    expect(refusals(text)[0]).toContain(problem);
  });

  it('tells everything that is not of the language here at once', () => {
    expect(refusals('agent.name.sort() && cel.bind(x, 1, x) && duration("1s") == 1')).toHaveLength(4);
  });
});
