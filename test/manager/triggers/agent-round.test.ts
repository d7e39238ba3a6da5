import { describe, expect, it } from 'vitest';
import { newBudget, stepsAtOnce, stepsPerEvaluation } from '../../../src/manager/expressions/budget.ts';
import { AgentRound, stepsPerRound } from '../../../src/manager/triggers/agent-round.ts';
import { checkTrigger } from '../../../src/manager/triggers/check-trigger.ts';
import { TriggerBook } from '../../../src/manager/triggers/trigger-book.ts';
import type { DueTriggers, TriggerMoment } from '../../../src/manager/triggers/trigger-book.ts';
import { dryRun } from '../../../src/manager/triggers/trigger-evaluation.ts';
import { contextOf } from '../../../src/manager/triggers/trigger-facts.ts';
import type { TriggerFacts } from '../../../src/manager/triggers/trigger-facts.ts';
import type { Trigger } from '../../../src/model/vm-environment.ts';
import { agent, facts, trigger } from './facts.ts';

const startMs = Date.UTC(2026, 0, 1);
const at = (seconds: number): TriggerMoment => ({ wallMs: startMs + seconds * 1000, monoMs: seconds * 1000 });

const failed = 'events.filter(e, has(e.machine) && e.machine == agent.name && e.kind == "vm.failed" && e.ageSeconds < 300).size() >= 3';
const watch = (changes: Partial<Trigger> = {}): Trigger =>
  trigger({
    name: 'watch',
    forEach: 'agent',
    expr: failed,
    cmd: { command: 'notify', severity: 'warning', message: '{agent}: VMs fail' },
    ticks: 10,
    ...changes,
  });

const nameOf = (index: number): string => `post${String(index).padStart(3, '0')}`;

/** 300 agents and 200 events, as many as are kept: three VMs failed on each of 20 hosts, the first and the last among them. */
function farm(agents = 300): TriggerFacts {
  const hosts = Array.from({ length: 20 }, (_, index) => nameOf(Math.floor((index * (agents - 1)) / 19)));
  const events = Array.from({ length: 200 }, (_, index) => ({
    atMs: startMs + 5000,
    kind: index < 60 ? 'vm.failed' : 'vm.running',
    severity: 'warning' as const,
    machine: hosts[index % 20] ?? '',
    detail: {},
  }));
  return facts(
    Array.from({ length: agents }, (_, index) => agent(nameOf(index), { load: 1 })),
    { events },
  );
}

function bookOf(...triggers: readonly Trigger[]): TriggerBook {
  const book = new TriggerBook();
  book.setTriggers(triggers, at(0));
  return book;
}

/** Moment after moment, until one evaluation has ended. */
function untilEvaluated(book: TriggerBook, world: TriggerFacts, from = 10): DueTriggers[] {
  const moments: DueTriggers[] = [];
  do moments.push(book.due(at(from + moments.length), world));
  while (moments.at(-1)?.evaluations.length === 0 && moments.length < 50);
  return moments;
}

describe('a trigger for each of 300 agents over all recent events', () => {
  it('is evaluated for all of them, some at each moment, and fires for whom it is true', () => {
    const moments = untilEvaluated(bookOf(watch()), farm());
    expect(moments.length).toBeGreaterThan(1);
    expect(moments.length).toBeLessThan(8);
    expect(moments.map(({ fired }) => fired.length > 0)).toContain(true);
    const [told] = moments.at(-1)?.evaluations ?? [];
    expect(told?.evaluation).toMatchObject({ result: 'true', reason: expect.stringMatching(/^true for 20 of 300 agents; post000: fired/) });
    expect(moments.flatMap(({ fired }) => fired.map((each) => each.agent)).length).toBe(20);
  });

  it('costs no moment more than its steps, whatever the expression', () => {
    const checked = checkTrigger(watch());
    if (checked.kind !== 'checked') throw new Error('the trigger is wrong');
    const world = farm();
    const context = contextOf(world, checked.expression.reads, startMs + 10_000);
    const round = new AgentRound(world.agents);
    for (let left = 300; left > 0; left = round.left) {
      const moment = newBudget(stepsAtOnce);
      const { findings } = round.advance(checked.expression, context, world.agents, moment);
      expect(moment.steps).toBeGreaterThanOrEqual(0);
      expect(findings.length).toBe(left - round.left);
      expect(findings.length).toBeGreaterThan(0);
    }
    expect(round.isCostly).toBe(false);
  });

  it('is due until the last agent has had its turn, and then after its ticks', () => {
    const book = bookOf(watch());
    book.due(at(10), farm());
    expect(book.nextMs()).toBe(10_000);
    expect(book.statuses(at(10))[0]).not.toHaveProperty('lastEvaluation');
    const moments = untilEvaluated(book, farm(), 11);
    expect(book.nextMs()).toBe((20 + moments.length) * 1000);
  });

  it('lets other triggers be evaluated beside it', () => {
    const book = bookOf(watch({ ticks: 1 }), trigger({ name: 'other', ticks: 2 }));
    const seen = new Set<string>();
    for (let second = 1; second < 12; second++) for (const { trigger: name } of book.due(at(second), farm()).evaluations) seen.add(name);
    expect([...seen].sort((a, b) => (a < b ? -1 : 1))).toEqual(['other', 'watch']);
  });

  it('keeps what has fired already at each moment: a manager that comes back does not fire it again', () => {
    const book = bookOf(watch());
    const first = book.due(at(10), farm());
    expect(first.evaluations).toEqual([]);
    const agents = first.fired.map((each) => each.agent);
    expect(agents).toContain('post000');
    const again = new TriggerBook();
    again.setTriggers([watch()], at(0));
    again.restore(new Map(first.records.map(({ id, document = {} }) => [id, document])), at(11));
    const later = untilEvaluated(again, farm(), 21).flatMap(({ fired }) => fired.map((each) => each.agent));
    expect(later.filter((each) => agents.includes(each))).toEqual([]);
    expect(later.length + agents.length).toBe(20);
  });

  it('begins anew where the records were read again: what was found before is of another time', () => {
    const book = bookOf(watch());
    book.due(at(10), farm());
    book.restore(new Map(), at(11));
    expect(book.nextMs()).toBe(21_000);
    expect(book.due(at(21), farm()).fired.map((each) => each.agent)).toContain('post000');
  });

  it('takes an update in the middle for a reason to look again, since that agent may have had its turn', () => {
    const expr = `has(agent.properties.load) && agent.properties.load < 4 && ${failed}`;
    const book = bookOf(watch({ expr, onUpdateCheck: true, ticks: 3600 }));
    book.updated(['load'], at(9));
    book.due(at(10), farm());
    book.updated(['load'], at(10));
    const rest = untilEvaluated(book, farm(), 11);
    expect(book.nextMs()).toBe((10 + rest.length) * 1000);
    untilEvaluated(book, farm(), 20);
    expect(book.nextMs()).toBeGreaterThan(3_600_000);
  });

  it('leaves out who is gone meanwhile', () => {
    const book = bookOf(watch());
    book.due(at(10), farm());
    const [told] = untilEvaluated(book, farm(299), 11).at(-1)?.evaluations ?? [];
    expect(told?.evaluation.reason).toContain('of 299 agents');
  });

  it('is checked for the first of them, and it is said so', () => {
    const checked = checkTrigger(watch());
    if (checked.kind !== 'checked') throw new Error('the trigger is wrong');
    const said = dryRun(watch(), checked.expression, farm(), startMs + 10_000);
    expect(said.reason).toMatch(/^of the first \d+ of 300 agents: true for \d+ of \d+ agents; post000: would fire: notify/);
    expect(dryRun(watch(), checked.expression, farm(20), startMs + 10_000).reason).toMatch(/^true for 20 of 20 agents; /);
  });
});

describe('a trigger that costs too much', () => {
  const text = 'a'.repeat(60_000);
  const costly = watch({ expr: 'agent.properties.text.matches("(a*)*b")', ticks: 1 });

  it('for one agent is an error for that agent alone, and waits a minute', () => {
    const agents = [agent('post01', { text }), agent('post02', { text: 'b' })];
    const book = bookOf(costly);
    const moments = untilEvaluated(book, facts(agents), 1);
    expect(moments.at(-1)?.evaluations[0]?.evaluation).toMatchObject({
      result: 'true',
      agents: [
        { agent: 'post02', result: 'true' },
        { agent: 'post01', result: 'error', reason: expect.stringContaining('too many steps') as string },
      ],
    });
    expect(book.nextMs()).toBe(moments.length * 1000 + 60_000);
  });

  it('for all agents together ends with an error for those that are left', () => {
    const most = stepsPerRound / stepsPerEvaluation;
    const agents = Array.from({ length: 3 * most }, (_, index) => agent(nameOf(index), { text }));
    const book = bookOf(costly);
    const moments = untilEvaluated(book, facts(agents), 1);
    expect(moments.length).toBeLessThanOrEqual(most / 2 + 1);
    expect(moments.at(-1)?.evaluations[0]?.evaluation.reason).toContain(`no value for ${3 * most}`);
  });
});
