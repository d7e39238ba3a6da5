import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TooManySubscribersError } from '../../src/events/event-log.ts';
import { matchesFilter } from '../../src/events/event-filter.ts';
import { event, type Reader, Rig } from './rig.ts';

function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}

/** A log that holds so many events already. */
async function kept(count: number): Promise<Rig> {
  const rig = new Rig();
  rig.store.appendElsewhere(...numbers(1, count).map((n) => event(n)));
  return rig.start();
}

describe('a subscriber', () => {
  it('without a number hears what is new from the moment it asked, also before it reads', async () => {
    const rig = await kept(3);
    const reader = rig.reader();
    rig.append(4, 5);
    await rig.events.idle();
    reader.run();
    await settle();
    expect(reader.items).toEqual([4, 5]);
    await rig.events.close();
  });

  it('with a number hears all that it missed, page by page, and goes on with what happens', async () => {
    const rig = await kept(1_700);
    const reader = rig.reader({ after: 100 }).run();
    await settle();
    rig.append(1_701, 1_702);
    await rig.events.idle();
    await settle();
    expect(reader.items).toEqual(numbers(101, 1_702));
    await rig.events.close();
  });

  it('hears what its filter lets through, before and after the seam', async () => {
    const rig = await kept(0);
    rig.append(1, 5, { machine: 'post01' });
    rig.append(6, 9, { machine: 'post02' });
    await rig.events.idle();
    const reader = rig.reader({ after: 0, filter: { machine: 'post02' } }).run();
    const live = rig.reader({ filter: { machine: 'post02' } }).run();
    await settle();
    rig.append(10, 11, { machine: 'post01' });
    rig.append(12, 12, { machine: 'post02' });
    await rig.events.idle();
    await settle();
    expect([reader.items, live.items]).toEqual([[6, 7, 8, 9, 12], [12]]);
    await rig.events.close();
  });

  it.each([
    ['is older than what is kept', 5],
    ['is of another database, where there were more', 999],
  ])('whose number %s is told to begin anew, and goes on from the newest', async (_, after) => {
    const rig = await kept(20);
    rig.store.events.splice(0, 10);
    const reader = rig.reader({ after }).run();
    await settle();
    rig.append(21);
    await rig.events.idle();
    await settle();
    expect(reader.items).toEqual(['reset 20', 21]);
    await rig.events.close();
  });

  it.each([10, 20])('whose next one is kept still (%i) is not', async (after) => {
    const rig = await kept(20);
    rig.store.events.splice(0, 10);
    const reader = rig.reader({ after }).run();
    await settle();
    expect(reader.items).toEqual(numbers(after + 1, 20));
    await rig.events.close();
  });

  it('that reads while it is pruned past is told so, and hears nothing twice', async () => {
    const rig = await kept(1_200);
    const reader = rig.reader({ after: 0 });
    for (let n = 0; n < 500; n++) await reader.next();
    rig.store.events.splice(0, 1_000);
    expect(await reader.next()).toBe('reset 1200');
    rig.append(1_201);
    expect(await reader.next()).toBe(1_201);
    await rig.events.close();
  });

  it('that is slow is told to begin anew, and slows nobody else', async () => {
    const rig = await new Rig().start({ subscriberQueue: 10 });
    const slow = rig.reader();
    const quick = rig.reader().run();
    for (let n = 1; n <= 25; n++) {
      rig.append(n);
      await rig.events.idle();
      await settle();
    }
    expect(quick.items).toEqual(numbers(1, 25));
    expect(await slow.next()).toBe('reset 25');
    rig.append(26, 27);
    await rig.events.idle();
    expect([await slow.next(), await slow.next()]).toEqual([26, 27]);
    await rig.events.close();
  });

  it('that is closed waits no more, is forgotten, and is told nothing else', async () => {
    const rig = await new Rig().start({ subscribers: 1 });
    const reader = rig.reader().run();
    await settle();
    expect(() => rig.events.subscribe()).toThrow(TooManySubscribersError);
    await reader.close();
    reader.subscription.close();
    rig.append(1);
    await rig.events.idle();
    expect(reader.items).toEqual(['end']);
    const next = rig.reader();
    next.subscription.close();
    expect(await next.next()).toBe('end');
    rig.reader();
    await rig.events.close();
  });

  it('that leaves in the middle of a replay, or by breaking out of its loop, is forgotten too', async () => {
    const rig = await kept(10);
    const seen: number[] = [];
    for await (const item of rig.events.subscribe({ after: 2 })) {
      if (item.kind === 'event') seen.push(item.event.id);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([3, 4, 5]);
    const reader = rig.reader({ after: 0 });
    await reader.next();
    reader.subscription.close();
    expect(await reader.next()).toBe('end');
    rig.append(11);
    await rig.events.idle();
    expect(rig.store.pages).toBe(2);
    await rig.events.close();
  });

  it('hears of it where the replay cannot be read', async () => {
    const rig = await kept(10);
    const reader = rig.reader({ after: 0 });
    rig.store.pageFailure = new Error('gone');
    await expect(reader.next()).rejects.toThrow('gone');
    expect(await reader.next()).toBe('end');
    await rig.events.close();
  });

  it('is one of a hundred: each hears all', async () => {
    const rig = await kept(5);
    const readers = numbers(1, 100).map((n) => rig.reader(n % 2 === 0 ? {} : { after: 0 }).run());
    rig.append(6, 300);
    await rig.events.idle();
    await settle();
    for (const [index, reader] of readers.entries()) expect(reader.items).toEqual(numbers(index % 2 === 0 ? 1 : 6, 300));
    await rig.events.close();
  });
});

describe('whatever the order of things', () => {
  /** What is done next, while each step of the database takes its time. */
  const steps = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 40 }) }) },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('elsewhere' as const), count: fc.integer({ min: 1, max: 30 }), tell: fc.boolean() }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('subscribe' as const), after: fc.option(fc.nat(60)), onlyOdd: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const), of: fc.nat(5), count: fc.integer({ min: 1, max: 50 }) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('fail' as const), what: fc.constantFrom('failure' as const, 'pageFailure' as const) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), of: fc.nat(5) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const), times: fc.integer({ min: 1, max: 4 }) }) },
    ),
    { minLength: 3, maxLength: 40 },
  );

  it('each reader hears each event once, in order, but for what a reset told it of', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.infiniteStream(fc.nat(2)), async (all, delays) => {
        const rig = await new Rig().start({ batch: 7, subscriberQueue: 25 });
        rig.store.pause = async () => {
          for (let turns = delays.next().value; turns > 0; turns--) await settle();
        };
        const readers: { reader: Reader; from: number; onlyOdd: boolean; started: boolean }[] = [];
        let told = 0;
        for (const step of all) {
          if (step.do === 'append') for (let n = 0; n < step.count; n++) rig.events.append(kindOf(++told));
          if (step.do === 'elsewhere') for (let n = 0; n < step.count; n++) rig.store.appendElsewhere(kindOf(++told));
          if (step.do === 'elsewhere' && step.tell) rig.store.tell();
          if (step.do === 'subscribe') {
            const options = { ...(step.after !== null && { after: step.after }), ...(step.onlyOdd && { filter: { kinds: ['odd.one'] } }) };
            const { newest } = rig.events;
            readers.push({ reader: rig.reader(options), from: step.after ?? newest, onlyOdd: step.onlyOdd, started: false });
          }
          const one = step.do === 'read' ? readers[step.of] : undefined;
          if (one !== undefined && step.do === 'read' && !one.started) {
            one.started = true;
            one.reader.run();
          }
          const leaving = step.do === 'close' ? readers[step.of] : undefined;
          if (leaving !== undefined) {
            leaving.reader.subscription.close();
            readers.splice(readers.indexOf(leaving), 1);
          }
          if (step.do === 'fail') {
            rig.store[step.what] = new Error('busy');
            await settle();
            rig.store[step.what] = undefined;
            rig.clock.advance(30_000);
          }
          if (step.do === 'turn') for (let n = 0; n < step.times; n++) await settle();
        }
        rig.store.tell();
        for (const one of readers) if (!one.started) one.reader.run();
        for (let n = 0; n < 30; n++) {
          rig.clock.advance(30_000);
          await settle();
        }
        await rig.events.idle();
        for (let n = 0; n < 30; n++) await settle();
        const wanted = rig.store.events.filter((each) => matchesFilter({ kinds: ['odd.one'] }, each)).map(({ id }) => id);
        for (const { reader, from, onlyOdd } of readers.filter((one) => one.reader.failure === undefined))
          expect(heard(reader.items, from, onlyOdd ? wanted : numbers(1, rig.store.newest))).toBe('all');
        await rig.events.close();
      }),
      { numRuns: 150 },
    );
  });
});

function kindOf(n: number) {
  return event(n, { kind: n % 2 === 1 ? 'odd.one' : 'even.one' });
}

/** Checks what one reader heard against what there was, from the number that it began with. */
function heard(items: readonly (number | string)[], from: number, all: readonly number[]): string {
  let last = from;
  for (const item of items) {
    if (typeof item === 'string') {
      if (!item.startsWith('reset ')) return `${item} came`;
      const newest = Number(item.slice(6));
      // A number of another database begins below itself.
      last = newest;
      continue;
    }
    const expected = all.find((id) => id > last);
    if (item !== expected) return `${item} came in place of ${expected}: ${items.join(' ')}`;
    last = item;
  }
  const missing = all.find((id) => id > last);
  return missing === undefined ? 'all' : `${missing} never came: ${items.join(' ')}`;
}
