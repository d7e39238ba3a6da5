import { describe, expect, it } from 'vitest';
import { newBudget, stepsPerEvaluation } from '../../../src/manager/expressions/budget.ts';
import { compileExpression } from '../../../src/manager/expressions/expression.ts';
import { limits } from '../../../src/manager/expressions/expression-types.ts';
import { triggerKinds } from '../../../src/manager/triggers/trigger-facts.ts';

/** Nested 12 deep, 4096 texts. */
function tree(levels: number): unknown {
  return levels === 0 ? 'leaf' : [tree(levels - 1), tree(levels - 1)];
}

/** As much as agents may say: values of 64 KiB, hundreds of properties. */
const properties = {
  ...Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`p${index}`, index])),
  load: 0.5,
  text: 'a'.repeat(65_000),
  other: `${'a'.repeat(64_999)}b`,
  pairs: '\u{1F600}'.repeat(16_000),
  mixed: 'Abä'.repeat(20_000),
  list: Array.from({ length: 16_000 }, (_, index) => index),
  tree: tree(12),
};
const agents = Array.from({ length: 500 }, (_, index) => ({
  name: `post${index}`,
  state: 'online',
  duty: 'active',
  cpus: 8,
  vms: 1,
  freeMib: index,
  labels: { rack: 'a' },
  groups: ['all'],
  bridges: ['xenbr0'],
  // Copies: what is the same object is the same at once.
  properties: index % 250 === 0 ? structuredClone(properties) : properties,
}));
const context = { agents, groups: {}, environments: {}, events: [], time: { unix: 0, hour: 0, minute: 0, weekday: 0 } };

function cost(text: string): { steps: number; ms: number; reason: string } {
  const compiled = compileExpression(text, triggerKinds);
  if (compiled.kind === 'refused') throw new Error(compiled.problems[0]?.detail);
  const budget = newBudget();
  const began = performance.now();
  const outcome = compiled.expression.evaluate(context, budget);
  const ms = performance.now() - began;
  return { steps: stepsPerEvaluation - Math.max(0, budget.steps), ms, reason: outcome.kind === 'error' ? outcome.reason : '' };
}

describe('what an expression may cost', () => {
  it('is some milliseconds for an ordinary one over 500 agents', () => {
    const text = 'agents.exists(a, a.state == "online" && a.duty != "active" && (a.properties.load > 4.5 || a.freeMib < 0))';
    cost(text);
    const { steps, ms } = cost(text);
    expect(steps).toBeLessThan(10_000);
    expect(ms).toBeLessThan(50);
  });

  it.each([
    'agents.exists(a, a.properties.text.matches("(a*)*b"))',
    'agents.exists(a, a.properties.text.matches("(a|a|a|a|a|a|a|a)*b"))',
    'agents.exists(a, a.properties.text.matches("a{0,64}a{0,64}a{0,64}a{0,64}b"))',
    'agents.exists(a, a.properties.text.matches("[a-b][a-c][a-d]*[^x]*$x"))',
    'agents.exists(a, a.properties.text.contains(a.properties.other))',
    `agents.exists(a, a.properties.text.contains("b${'a'.repeat(1000)}"))`,
    'agents.exists(a, 99999 in a.properties.list)',
    'agents.filter(a, a.properties.tree == agents[0].properties.tree).size() == 1',
    'agents.filter(a, a.properties == agents[250].properties).size() == 500',
    'agents.exists(a, a.properties.pairs.size() == 1)',
    'agents.exists(a, a.properties.mixed.lowerAscii() == "x")',
    'agents.exists(a, a.properties.text.trim() == "x")',
    'agents.exists(a, a.properties.list.sum() < 0)',
    `agents.exists(a, ${Array.from({ length: 20 }, () => 'a.properties.text < a.properties.other && false').join(' || ')})`,
    `agents.exists(a, ${Array.from({ length: 30 }, () => 'a.properties.nothing == 1').join(' || ')})`,
    Array.from({ length: 24 }, () => 'agents.exists(a, a.name.matches("x"))').join(' || '),
  ])('is at most its budget, and a fraction of a second: %.80s', (text) => {
    const { steps, ms, reason } = cost(text);
    expect(steps).toBeLessThanOrEqual(stepsPerEvaluation);
    expect([reason === '' || reason.includes('too many steps') || reason.includes('is not there'), text]).toEqual([true, text]);
    // Under 50 ms where nothing else runs; tests run beside each other.
    expect(ms).toBeLessThan(500);
  });

  it('counts both texts of contains(): searching one for the other can take as long as both together say', () => {
    expect(cost('agents[0].properties.text.contains(agents[0].properties.other)').reason).toContain('too many steps');
    expect(cost('agents[0].name.contains("post")').steps).toBeLessThan(10);
  });

  it('is not made up for by an || that is true: what is spent is gone', () => {
    expect(cost('agents.exists(a, a.properties.text.matches("(a*)*b")) || true').reason).toContain('too many steps');
  });

  it.each([
    ['nested brackets', '('.repeat(1000)],
    ['nested brackets that close', `${'('.repeat(100)}true${')'.repeat(100)}`],
    ['exclamation marks', `${'!'.repeat(2000)}true`],
    ['minus signs', `${'-'.repeat(2000)}1 < 2`],
    ['nested lists', `${'['.repeat(500)}${']'.repeat(500)} == []`],
    ['a chain of ||', Array.from({ length: 300 }, () => 'true').join('||')],
    ['a chain of fields', `agents${'.a'.repeat(900)}`],
    ['a chain of indexes', `agents${'[0]'.repeat(600)}`],
    ['a chain of ternaries', `${'true ? true : '.repeat(140)}true`],
    ['a long list', `1 in [${Array.from({ length: 100 }, () => 1).join(',')}]`],
    ['a long text', `"${'a'.repeat(limits.letters)}" == "b"`],
    ['a long number', `${'9'.repeat(2000)} + ${'x'.repeat(40)} > 1`],
    ['loops in loops', 'agents.exists(a, agents.exists(b, agents.exists(c, a.name + b.name == c.name)))'],
    ['loops over loops in a filter', 'agents.filter(a, agents.map(b, b.cpus).sum() > 1).size() > 1'],
  ])('is refused when it is saved: %s', (_what, text) => {
    const began = performance.now();
    expect(compileExpression(text, triggerKinds).kind).toBe('refused');
    expect(performance.now() - began).toBeLessThan(200);
  });

  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'])(
    'reaches nothing of JavaScript: %s',
    (name) => {
      const outcome = compileExpression(`agents[0].properties["${name}"] == 1`, triggerKinds);
      if (outcome.kind === 'refused') throw new Error(outcome.problems[0]?.detail);
      expect(outcome.expression.evaluate(context, newBudget())).toEqual({
        kind: 'error',
        reason: `agents[0].properties["${name}"] is not there`,
      });
      expect(compileExpression(`agents[0].${name}() == 1`, triggerKinds).kind).toBe('refused');
      expect(compileExpression(`${name} == 1`, triggerKinds).kind).toBe('refused');
    },
  );

  it('takes any text without throwing', () => {
    const pieces = [
      'agents',
      '.',
      'exists(',
      'a',
      ',',
      ')',
      '(',
      '[',
      ']',
      '"',
      "'",
      '\\',
      '\\u',
      '1',
      '1e999',
      '0x',
      '&&',
      '||',
      '?',
      ':',
      ' in ',
      '\n',
      '\0',
      '💥',
      'r"',
      'b"',
      '//',
      '{',
      '}',
      '-',
      '!',
    ];
    let seed = 7;
    const next = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648);
    for (let run = 0; run < 5000; run++) {
      const text = Array.from({ length: next() % 12 }, () => pieces[next() % pieces.length]).join('');
      const compiled = compileExpression(text, triggerKinds);
      if (compiled.kind === 'compiled') compiled.expression.evaluate(context, newBudget(2000));
    }
    expect(compileExpression('true', triggerKinds).kind).toBe('compiled');
  });
});
