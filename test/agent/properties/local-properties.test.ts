import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Extracted } from '../../../src/agent/parts.ts';
import { LocalProperties } from '../../../src/agent/properties/local-properties.ts';
import { CommandError } from '../../../src/agent/properties/machine-view.ts';
import type { Extraction, PropertyCommand } from '../../../src/agent/properties/property-command.ts';
import type { PropertyDefinition } from '../../../src/agent/properties/property-definition.ts';
import { HeldClock } from '../../../src/clock.ts';
import { CapturedLog } from '../../../src/log.ts';
import { RecordedMachine } from './recorded-machine.ts';

type Answer = (extraction: Extraction) => Promise<unknown>;

function define(name: string, changes: Partial<PropertyDefinition> = {}): PropertyDefinition {
  return { name, command: 'tell', parameters: [name], type: 'int', ticks: 60, timeoutSeconds: 10, origin: `own.yaml:1`, ...changes };
}

/** Properties whose commands a test answers, on a clock that it holds. */
class Bench {
  readonly clock = new HeldClock();
  readonly log = new CapturedLog();
  readonly asked: string[] = [];
  readonly said: Extracted[] = [];
  readonly answers = new Map<string, Answer>();
  readonly properties: LocalProperties;

  constructor(definitions: readonly PropertyDefinition[], machine = 'post01', problems: Extracted['problems'] = []) {
    const command: PropertyCommand = {
      problem: () => undefined,
      extract: (extraction) => {
        const [name = ''] = extraction.parameters;
        this.asked.push(`${Math.floor(this.clock.monotonic() / 1000)} ${name}`);
        return this.answers.get(name)?.(extraction) ?? Promise.resolve(1);
      },
    };
    this.properties = new LocalProperties({
      machine,
      clock: this.clock,
      log: this.log,
      view: new RecordedMachine(),
      commands: new Map([
        ['tell', command],
        ['other', command],
        ['exec', command],
      ]),
      definitions,
      problems,
    });
    this.properties.onValues((extracted) => this.said.push(extracted));
  }

  /** Second by second, with what promises do in between. */
  async pass(seconds: number): Promise<void> {
    for (let index = 0; index < seconds * 2; index++) {
      this.clock.advance(500);
      await setImmediate();
    }
  }

  /** In which seconds a property was extracted. */
  times(name: string): number[] {
    return this.asked.filter((each) => each.endsWith(` ${name}`)).map((each) => Number.parseInt(each, 10));
  }
}

function entry(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name, command: 'tell', parameters: [name], return_type: 'int', ticks: 30, ...more };
}

describe('properties of a machine', () => {
  it('are extracted within seconds of the start, and then each by its ticks without drifting', async () => {
    const bench = new Bench([define('a', { ticks: 20 }), define('b', { ticks: 60 })]);
    await bench.pass(200);
    const [first = 0, ...rest] = bench.times('a');
    expect(first).toBeLessThan(6);
    expect(rest.slice(0, 9).map((time, index) => time - (rest[0] ?? 0) - index * 20)).toEqual(Array.from({ length: 9 }, () => 0));
    expect(bench.times('b').length).toBeLessThanOrEqual(5);
  });

  it('are said together where they are of one moment, and not all machines in one moment', async () => {
    const definitions = ['a', 'b', 'c'].map((name) => define(name, { ticks: 60 }));
    const seconds = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const bench = new Bench(definitions, `post${index}`);
        await bench.pass(130);
        expect(bench.said.map(({ values }) => values.length)).toEqual(bench.said.map(() => 3));
        return bench.times('a')[1];
      }),
    );
    expect(new Set(seconds).size).toBeGreaterThan(10);
  });

  it('are not extracted by themselves with ticks of 0', async () => {
    const bench = new Bench([define('a', { ticks: 0 })]);
    await bench.pass(100);
    expect(bench.asked).toEqual([]);
    expect((await bench.properties.fetch(['a'])).values).toMatchObject([{ name: 'a', type: 'int', value: 1 }]);
  });

  it('are fetched when asked, said as they were last, and unknown where they are not', async () => {
    const bench = new Bench([define('a'), define('b')]);
    expect(bench.properties.latest(['a'])).toEqual({ values: [], problems: [] });
    bench.answers.set('a', async () => 7);
    const fetched = await bench.properties.fetch(['a', 'a', 'x']);
    expect(fetched).toEqual({
      values: [{ name: 'a', type: 'int', value: 7, atMs: 0 }],
      problems: [{ name: 'x', code: 'unknown', reason: 'there is no property x on this machine' }],
    });
    expect(bench.asked).toEqual(['0 a']);
    expect(bench.properties.latest(['a'])).toEqual({ values: fetched.values, problems: [] });
  });

  it('of the wrong type are an error with the reason, and keep the value before them', async () => {
    const bench = new Bench([define('a')]);
    await bench.properties.fetch(['a']);
    bench.answers.set('a', async () => 'many');
    expect(await bench.properties.fetch(['a'])).toEqual({
      values: [{ name: 'a', type: 'int', value: 1, atMs: 0 }],
      problems: [{ name: 'a', code: 'wrong-type', reason: 'expected int, found "many"' }],
    });
    bench.answers.delete('a');
    expect((await bench.properties.fetch(['a'])).problems).toEqual([]);
  });

  it('that fail are asked less and less, at the latest every hour, and as before once they go well', async () => {
    const bench = new Bench([define('a', { ticks: 60 })]);
    bench.answers.set('a', async () => Promise.reject(new CommandError('missing', 'there is no a')));
    await bench.pass(4 * 3600);
    const gaps = bench.times('a').map((time, index, all) => time - (all[index - 1] ?? time));
    expect(gaps.slice(2, 6)).toEqual([240, 480, 960, 1920]);
    expect(Math.max(...gaps)).toBe(3600);
    expect(bench.said[0]).toEqual({ values: [], problems: [{ name: 'a', code: 'missing', reason: 'there is no a' }] });
    bench.answers.delete('a');
    const before = bench.times('a').length;
    await bench.pass(3600 + 180);
    expect(bench.times('a').length - before).toBeGreaterThanOrEqual(3);
  });

  it('that hang are given up in their time, do not keep others waiting, and are not begun again while they hang', async () => {
    const bench = new Bench([define('hangs', { ticks: 20, timeoutSeconds: 5 }), define('b', { ticks: 20 })]);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const signals: AbortSignal[] = [];
    bench.answers.set('hangs', ({ signal }) => {
      signals.push(signal);
      return promise;
    });
    await bench.pass(300);
    expect(bench.times('hangs')).toHaveLength(1);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(bench.times('b').length).toBeGreaterThan(12);
    expect(bench.said.flatMap(({ problems }) => problems).map(({ code }) => code)).toEqual(expect.arrayContaining(['timeout', 'busy']));
    resolve(3);
    await bench.pass(800);
    expect(bench.times('hangs').length).toBeGreaterThan(1);
    await bench.properties.close();
  });

  it('are extracted eight at once at most, and all of them in the end', async () => {
    const bench = new Bench(Array.from({ length: 30 }, (_, index) => define(`p${index}`)));
    const open: (() => void)[] = [];
    for (let index = 0; index < 30; index++)
      bench.answers.set(`p${index}`, () => new Promise((resolve) => open.push(() => resolve(index))));
    const fetched = bench.properties.fetch(Array.from({ length: 30 }, (_, index) => `p${index}`));
    await setImmediate();
    expect(open).toHaveLength(8);
    for (let done = 0; done < 30; done++) {
      open[done]?.();
      await vi.waitUntil(() => open.length === Math.min(30, done + 9));
    }
    expect((await fetched).values.map(({ value }) => value)).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });

  it('asked for while they are extracted are extracted once', async () => {
    const bench = new Bench([define('a')]);
    await Promise.all([bench.properties.fetch(['a']), bench.properties.fetch(['a'])]);
    expect(bench.asked).toHaveLength(1);
  });

  it('are said in messages of a bounded size', async () => {
    const bench = new Bench(Array.from({ length: 12 }, (_, index) => define(`t${index}`, { type: 'string' })));
    for (let index = 0; index < 12; index++) bench.answers.set(`t${index}`, async () => 'x'.repeat(60_000));
    await bench.pass(10);
    expect(bench.said.map(({ values }) => values.length)).toEqual([4, 4, 4]);
  });

  it('that break in a way nobody thought of are an error, in the log with all of it', async () => {
    const bench = new Bench([define('a')]);
    bench.answers.set('a', async () => Promise.reject(new RangeError('what')));
    expect((await bench.properties.fetch(['a'])).problems).toEqual([{ name: 'a', code: 'failed', reason: 'what' }]);
    expect(bench.log.lines).toMatchObject([{ level: 'error', fields: { property: 'a' } }]);
  });

  it('say what is wrong with their definitions, again for who came late', async () => {
    const problem = { code: 'definition', reason: 'farm.ini:7:1: bad.ticks: expected whole seconds' };
    const bench = new Bench([], 'post01', [problem]);
    await bench.pass(11);
    expect(bench.said).toEqual([{ values: [], problems: [problem] }]);
    await bench.pass(3600);
    expect(bench.said).toHaveLength(2);
  });

  it('end with the agent: no timer, no value, whatever still runs', async () => {
    const bench = new Bench([define('a'), define('hangs')], 'post01', [{ code: 'definition', reason: 'x' }]);
    bench.answers.set('hangs', () => new Promise(() => undefined));
    await bench.pass(6);
    await bench.properties.close();
    const { length } = bench.said;
    await bench.pass(100);
    expect(bench.clock.pendingTimers).toBe(0);
    expect(bench.said).toHaveLength(length);
  });
});

describe('definitions from the manager', () => {
  it('stand beside the own ones, in the place of those before', async () => {
    const bench = new Bench([define('own')]);
    expect(bench.properties.setDefinitions([entry('a'), entry('b')])).toEqual([]);
    await bench.pass(10);
    expect(bench.times('a')).toHaveLength(1);
    expect(bench.properties.setDefinitions([entry('b'), entry('c')])).toEqual([]);
    expect(bench.properties.definitions().map(({ name, origin }) => `${name} ${origin}`)).toEqual([
      'own own.yaml:1',
      'b manager',
      'c manager',
    ]);
    await bench.pass(100);
    expect(bench.times('a').length).toBeLessThan(3);
    expect(bench.properties.latest(['a']).problems).toMatchObject([{ code: 'unknown' }]);
  });

  it('keep their value and their time where they stay the same', async () => {
    const bench = new Bench([]);
    bench.properties.setDefinitions([entry('a')]);
    await bench.properties.fetch(['a']);
    bench.properties.setDefinitions([entry('a')]);
    expect(bench.properties.latest(['a']).values).toHaveLength(1);
  });

  it.each([
    [7, 'definition 1: expected an object with a name'],
    [{ command: 'tell' }, 'definition 1: expected an object with a name'],
    [{ ...entry('own') }, 'own.yaml:1 defines it already, and comes first'],
    [entry('a', { command: 'exec', parameters: ['x.sh'] }), 'exec is only for definitions in the files of the machine'],
    [entry('a', { ticks: -1, wild: 1 }), 'definition a: wild: unknown key'],
    [entry('a b'), 'definition a b: expected a name'],
  ])('that are wrong are refused with the reason, and the others are taken: %j', (wrong, reason) => {
    const bench = new Bench([define('own')]);
    const problems = bench.properties.setDefinitions([wrong, entry('good')]);
    expect(problems.map((problem) => problem.reason)).toEqual([expect.stringContaining(reason)]);
    expect(bench.properties.definitions().map(({ name }) => name)).toEqual(['own', 'good']);
  });

  it('are so many at most', () => {
    const bench = new Bench([]);
    const problems = bench.properties.setDefinitions(Array.from({ length: 300 }, (_, index) => entry(`p${index}`)));
    expect(bench.properties.definitions()).toHaveLength(256);
    expect(problems).toHaveLength(44);
  });
});
