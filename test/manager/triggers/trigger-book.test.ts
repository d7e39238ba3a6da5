import { describe, expect, it } from 'vitest';
import { TriggerBook } from '../../../src/manager/triggers/trigger-book.ts';
import type { DueTriggers, TriggerMoment } from '../../../src/manager/triggers/trigger-book.ts';
import type { TriggerDocument } from '../../../src/manager/triggers/trigger-record.ts';
import type { Trigger } from '../../../src/model/vm-environment.ts';
import { agent, environment, facts, trigger } from './facts.ts';

const startMs = Date.UTC(2026, 0, 1);

/** The same second on both clocks. */
function at(seconds: number): TriggerMoment {
  return { wallMs: startMs + seconds * 1000, monoMs: seconds * 1000 };
}

function bookOf(...triggers: readonly Trigger[]): TriggerBook {
  const book = new TriggerBook();
  book.setTriggers(triggers, at(0));
  return book;
}

const hot = facts([agent('post01', { load: 1 }), agent('post02', { load: 5 })]);
const cool = facts([agent('post01', { load: 1 }), agent('post02', { load: 2 })]);

function commandsOf({ fired }: DueTriggers): string[] {
  return fired.map(({ trigger: name, agent: who, command }) => [name, who, command.command].filter(Boolean).join(' '));
}

function reasonOf({ evaluations }: DueTriggers): string | undefined {
  return evaluations[0]?.evaluation.reason;
}

function recordsOf(due: DueTriggers): ReadonlyMap<string, TriggerDocument> {
  const kept = due.records.map(({ id, document = {} }) => [id, JSON.parse(JSON.stringify(document)) as TriggerDocument] as const);
  return new Map(kept);
}

describe('when triggers are evaluated', () => {
  it('each by its own ticks, from when it is known', () => {
    const book = bookOf(trigger({ name: 'slow', ticks: 60 }), trigger({ name: 'quick', ticks: 20 }));
    expect(book.nextMs()).toBe(20_000);
    const evaluatedAt = (seconds: number): string[] => book.due(at(seconds), cool).evaluations.map(({ trigger: name }) => name);
    expect([19, 20, 39, 40, 60].map(evaluatedAt)).toEqual([[], ['quick'], [], ['quick'], ['slow', 'quick']]);
  });

  it('once, however late it is', () => {
    const book = bookOf(trigger({ ticks: 20 }));
    expect(book.due(at(500), cool).evaluations).toHaveLength(1);
    expect(book.nextMs()).toBe(520_000);
  });

  it('a second after an update of a property that it reads, once for all updates in that second', () => {
    const book = bookOf(trigger({ ticks: 0, onUpdateCheck: true }), trigger({ name: 'deaf', ticks: 3600 }));
    expect(book.nextMs()).toBe(3_600_000);
    book.updated(['other'], at(10));
    expect(book.nextMs()).toBe(3_600_000);
    book.updated(['load'], at(10));
    book.updated(['load'], at(10.5));
    expect(book.nextMs()).toBe(11_000);
    expect(book.due(at(11), cool).evaluations.map(({ trigger: name }) => name)).toEqual(['hot']);
    expect(book.nextMs()).toBe(3_600_000);
  });

  it('on any update where it reads properties by a name that is only known then', () => {
    const book = bookOf(trigger({ expr: 'agents.exists(a, a.properties[a.name] == 1)', ticks: 0, onUpdateCheck: true }));
    book.updated(['whatever'], at(10));
    expect(book.nextMs()).toBe(11_000);
  });

  it('never while it is paused, and shows no next time', () => {
    const book = bookOf(trigger({ paused: true, onUpdateCheck: true }));
    book.updated(['load'], at(1));
    expect(book.due(at(1000), hot)).toEqual({ evaluations: [], fired: [], records: [] });
    expect(book.statuses(at(1000))[0]).not.toHaveProperty('nextMs');
  });

  it('never while its document is wrong, which its status says', () => {
    const book = bookOf(trigger({ expr: 'nonsense > 1' }));
    expect(book.nextMs()).toBeUndefined();
    expect(book.statuses(at(1))[0]?.lastEvaluation).toMatchObject({
      result: 'error',
      reason: expect.stringContaining('there is no variable nonsense'),
    });
  });

  it('not all in one moment where they cost much: the rest a moment later, the costly ones a minute later at the soonest', () => {
    const costly = 'agents.exists(a, a.properties.text.matches("(a*)*b"))';
    const book = bookOf(...[1, 2, 3, 4].map((each) => trigger({ name: `t${each}`, expr: costly, ticks: 1 })));
    const large = facts([agent('post01', { text: 'a'.repeat(60_000) }), agent('post02', { text: 'a'.repeat(60_000) })]);
    expect(book.due(at(1), large).evaluations.map(({ trigger: name, evaluation }) => [name, evaluation.result])).toEqual([
      ['t1', 'error'],
      ['t2', 'error'],
    ]);
    expect(book.due(at(2), large).evaluations.map(({ trigger: name }) => name)).toEqual(['t3', 't4']);
    expect(book.due(at(60), large).evaluations).toEqual([]);
    expect(book.due(at(61), large).evaluations).toHaveLength(2);
  });
});

describe('what a trigger fires', () => {
  it('its command while expr is true, then nothing until it has been quiet for so long (level, not edge)', () => {
    const book = bookOf(trigger({ ticks: 100, quietSeconds: 300 }));
    expect([100, 200, 300, 400, 500].map((seconds) => commandsOf(book.due(at(seconds), hot)))).toEqual([
      ['hot notify'],
      [],
      [],
      ['hot notify'],
      [],
    ]);
  });

  it('says why it does not: false, quiet, an error', () => {
    const book = bookOf(trigger({ ticks: 10 }));
    expect(reasonOf(book.due(at(10), cool))).toBe('expr is false');
    expect(reasonOf(book.due(at(20), hot))).toBe('fired: notify: a host is hot');
    expect(reasonOf(book.due(at(30), hot))).toBe('it has fired already: quiet for another 290 s');
    expect(reasonOf(book.due(at(40), facts([agent('post01')])))).toBe('a.properties.load is not there (a is post01)');
  });

  it('keeps its last evaluation apart from when it last fired', () => {
    const book = bookOf(trigger({ ticks: 10 }));
    book.due(at(10), hot);
    book.due(at(20), cool);
    expect(book.statuses(at(25))[0]).toMatchObject({
      lastEvaluation: { atMs: startMs + 20_000, result: 'false', inputs: { 'agents[].properties.load': { post01: 1, post02: 2 } } },
      lastFired: { atMs: startMs + 10_000, outcome: 'asked for' },
      nextMs: startMs + 30_000,
    });
    expect(book.performed('hot', 'told')?.document).toMatchObject({ lastFired: { outcome: 'told' } });
    expect(book.performed('nobody', 'told')).toBeUndefined();
  });

  it('for each agent that it is true for, by name, each quiet for itself', () => {
    const drain = trigger({
      expr: 'agent.properties.load > 4',
      forEach: 'agent',
      cmd: { command: 'notify', severity: 'info', message: '{agent} is hot' },
      ticks: 10,
    });
    const book = bookOf(drain);
    const first = book.due(
      at(10),
      facts([agent('post03', { load: 9 }), agent('post01', { load: 9 }), agent('post02', { load: 1 }), agent('post04')]),
    );
    expect(first.fired.map(({ agent: who, command }) => [who, command])).toEqual([
      ['post01', { command: 'notify', severity: 'info', message: 'post01 is hot' }],
      ['post03', { command: 'notify', severity: 'info', message: 'post03 is hot' }],
    ]);
    expect(first.evaluations[0]?.evaluation).toMatchObject({
      result: 'true',
      reason: 'true for 2 of 4 agents, no value for 1; post01: fired: notify: post01 is hot',
      inputs: { 'agent.properties.load': { post01: 9, post02: 1, post03: 9, post04: null } },
      agents: [
        { agent: 'post01', result: 'true' },
        { agent: 'post03', result: 'true' },
        { agent: 'post04', result: 'error', reason: 'agent.properties.load is not there' },
        { agent: 'post02', result: 'false', reason: 'expr is false' },
      ],
    });
    expect(commandsOf(book.due(at(20), facts([agent('post01', { load: 9 }), agent('post02', { load: 9 })])))).toEqual([
      'hot post02 notify',
    ]);
  });

  it('with the agent as the machine where the command names none', () => {
    const book = bookOf(trigger({ expr: 'agent.properties.load > 4', forEach: 'agent', cmd: { command: 'drain' } }));
    expect(book.due(at(30), hot).fired).toMatchObject([{ agent: 'post02', command: { command: 'drain', machine: 'post02' } }]);
  });

  it('at most one drain or power a minute, the next agent a minute later (storm guard)', () => {
    const book = bookOf(
      trigger({ expr: 'agent.properties.load > 4', forEach: 'agent', cmd: { command: 'power', action: 'off' }, ticks: 10 }),
    );
    const all = facts([1, 2, 3].map((each) => agent(`post0${each}`, { load: 9 })));
    const fired = [10, 20, 60, 70, 130, 190].map((seconds) => commandsOf(book.due(at(seconds), all)));
    expect(fired).toEqual([['hot post01 power'], [], [], ['hot post02 power'], ['hot post03 power'], []]);
    expect(book.statuses(at(70))[0]?.lastEvaluation?.agents?.[0]?.reason).toContain('quiet');
  });

  it('at most sixty commands a minute of all triggers together', () => {
    const many = Array.from({ length: 5 }, (_, index) =>
      trigger({
        name: `t${index}`,
        expr: 'agent.vms > 1',
        forEach: 'agent',
        ticks: 10,
        cmd: { command: 'notify', severity: 'info', message: 'x' },
      }),
    );
    const book = bookOf(...many);
    const all = facts(Array.from({ length: 30 }, (_, index) => agent(`post${index + 10}`)));
    const due = book.due(at(10), all);
    expect(due.fired).toHaveLength(60);
    expect(due.evaluations.at(-1)?.evaluation.reason).toContain('held back');
  });

  it('over groups, environments, events and the time', () => {
    const expr =
      'groups["role.worker"].properties.load.avg == 3 && groups.all.count == 3 && groups.all.online == 2 && environments.worker.ready == 2 && environments.worker.max == 8 && events.exists(e, e.kind == "vm.failed" && e.machine == "post01" && e.detail.vm == "worker-1") && time.hour == 0 && time.weekday == 4';
    const book = bookOf(trigger({ expr }));
    const events = [{ atMs: startMs, kind: 'vm.failed', severity: 'warning' as const, machine: 'post01', detail: { vm: 'worker-1' } }];
    const agents = [agent('post01', { load: 1 }), agent('post02', { load: 5 }), agent('post03', { load: 99 }, { state: 'suspect' })];
    const due = book.due(at(30), facts(agents, { events, environments: [environment('worker')] }));
    expect(due.evaluations[0]?.evaluation).toMatchObject({
      result: 'true',
      inputs: { 'groups.role.worker.properties.load.avg': 3, 'events[].kind': { '0 vm.failed': 'vm.failed' } },
    });
    expect(book.due(at(700), facts(agents, { events })).evaluations[0]?.evaluation.result).toBe('false');
  });
});

describe('what outlives a manager', () => {
  it('is that it has fired: another manager keeps quiet for what is left', () => {
    const records = recordsOf(bookOf(trigger({ quietSeconds: 300 })).due(at(30), hot));
    const other = new TriggerBook();
    other.restore(records, { wallMs: startMs + 100_000, monoMs: 5000 });
    other.setTriggers([trigger({ quietSeconds: 300 })], { wallMs: startMs + 100_000, monoMs: 5000 });
    expect(reasonOf(other.due({ wallMs: startMs + 130_000, monoMs: 35_000 }, hot))).toBe('it has fired already: quiet for another 200 s');
    expect(other.statuses({ wallMs: startMs + 130_000, monoMs: 35_000 })[0]?.lastFired?.atMs).toBe(startMs + 30_000);
    expect(commandsOf(other.due({ wallMs: startMs + 340_000, monoMs: 245_000 }, hot))).toEqual(['hot notify']);
  });

  it('is not quiet for ever where the wall clock went back', () => {
    const records = recordsOf(bookOf(trigger({ quietSeconds: 300 })).due(at(30), hot));
    const other = new TriggerBook();
    const now = { wallMs: startMs - 86_400_000, monoMs: 0 };
    other.restore(records, now);
    other.setTriggers([trigger({ quietSeconds: 300 })], now);
    expect(other.due({ wallMs: now.wallMs + 290_000, monoMs: 290_000 }, hot).fired).toEqual([]);
    expect(other.due({ wallMs: now.wallMs + 330_000, monoMs: 330_000 }, hot).fired).toHaveLength(1);
  });

  it('is kept when it fires, and when it says something else than before; not each time', () => {
    const book = bookOf(trigger({ ticks: 10, quietSeconds: 0 }));
    const kept = (seconds: number, of: typeof hot): number => book.due(at(seconds), of).records.length;
    expect([kept(10, cool), kept(20, cool), kept(30, hot), kept(40, hot), kept(50, cool), kept(60, cool)]).toEqual([1, 0, 1, 1, 1, 0]);
  });

  it('is deleted with its trigger, and not before it is known which there are', () => {
    const records = recordsOf(bookOf(trigger()).due(at(30), hot));
    const other = new TriggerBook();
    other.restore(records, at(40));
    expect(other.due(at(41), hot).records).toEqual([]);
    other.setTriggers([], at(42));
    expect(other.due(at(43), hot).records).toEqual([{ id: 'hot' }]);
    expect(other.due(at(44), hot).records).toEqual([]);
  });

  it('survives a change of its document, and documents that are not understood', () => {
    const book = bookOf(trigger());
    book.due(at(30), hot);
    book.setTriggers([trigger({ ticks: 10 })], at(31));
    expect(book.due(at(41), hot).fired).toEqual([]);
    book.restore(new Map([['hot', { quietUntilMs: 'soon', lastFired: 7, lastEvaluation: null, more: 1 }]]), at(50));
    expect(book.due(at(60), hot).fired).toHaveLength(1);
  });

  it('is taken back where records could not be kept', () => {
    const book = bookOf(trigger());
    expect(book.due(at(30), hot).fired).toHaveLength(1);
    book.restore(new Map(), at(31));
    expect(book.due(at(61), hot).fired).toHaveLength(1);
  });
});
