import { beforeAll, describe, expect, it } from 'vitest';
import type { EventFilter, LabEvent, NewEvent } from '../../src/events/event-store.ts';
import { filterCases, filterEvents } from '../events/filter-cases.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import type { StoreUnderTest } from './store-contract.ts';

function event(more: Partial<NewEvent> = {}): NewEvent {
  return { atMs, kind: 'boot.stage', severity: 'info', detail: {}, ...more };
}

const hour = (n: number): number => (filterEvents[0]?.atMs ?? 0) + n * 3_600_000;

/** What only a database could get wrong: which of its indexes it walks along. */
const moreCases: readonly (readonly [string, EventFilter, readonly number[]])[] = [
  ['a kind twice', { kinds: ['boot.opened', 'boot.opened'] }, [0, 5]],
  ['a stem of a noun and the noun', { kinds: ['boot.nfs.*', 'boot.*'] }, [0, 1, 2, 5, 6, 8, 9]],
  ['all kinds and one of them', { kinds: ['*', 'boot.opened'], machine: 'post02' }, [4, 5, 6, 9]],
  ['errors', { severity: 'error' }, [6, 9]],
  ['a machine and kinds', { machine: 'post01', kinds: ['boot.nfs.*', 'boot.stuck'] }, [2, 8]],
  ['an attempt, kinds and a severity', { attempt: 'a3', kinds: ['boot.*'], severity: 'warning' }, [9]],
  ['a time and a severity', { sinceMs: hour(3), severity: 'warning' }, [6, 9]],
  ['a time and a machine', { untilMs: hour(3), machine: 'post01' }, [0, 1, 2]],
  ['a time and an attempt', { sinceMs: hour(9), attempt: 'a3' }, [9]],
  ['a time before all', { untilMs: hour(0) - 1 }, []],
  ['a time after all', { sinceMs: hour(19) }, []],
  ['a text, kinds, a severity and a time', { q: 'BOOT', kinds: ['boot.*'], severity: 'warning', sinceMs: hour(5) }, [6, 9]],
  ['a text and an attempt', { q: 'file', attempt: 'a1' }, [1]],
  ['a text with a zero', { q: '\0' }, []],
  ['a machine with a zero in its name', { machine: 'post\0' }, []],
  ['a kind with a zero', { kinds: ['boot\0.*', 'boot.\0'] }, []],
];

/** Where events outlive the process. */
export function eventContract(make: () => Promise<StoreUnderTest>): void {
  describe('events', () => {
    const store = new SharedStore(make);
    const events = () => store.now.events;
    const newest = async () => (await events().bounds()).newest;

    it('have bounds that show that there are none', async () => {
      expect(await events().bounds()).toEqual({ oldest: 1, newest: 0 });
      expect(await events().page({ order: 'newest-first', limit: 10 })).toEqual([]);
      expect(await events().append([])).toEqual([]);
    });

    it('are given back as they were appended, numbered in their order from 1', async () => {
      const detail = { text: odd, number: 2 ** 40, half: -0.5, none: null, list: [{ a: [] }], [odd]: true };
      const both = [event({ detail, machine: 'größe 01', attempt: 'x/y' }), event({ severity: 'error' })];
      const appended = both.map((one, i) => ({ ...one, id: i + 1 }));
      expect(await events().append(both)).toEqual(appended);
      await store.reopen();
      expect(await events().page({ order: 'oldest-first', limit: 10 })).toEqual(appended);
      expect(await events().bounds()).toEqual({ oldest: 1, newest: 2 });
    });

    it('count up without gaps, whoever appends at once', async () => {
      const before = await newest();
      const calls = await Promise.all(Array.from({ length: 20 }, (_, i) => events().append(Array.from({ length: i + 1 }, () => event()))));
      const ids = calls.flat().map(({ id }) => id);
      expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 210 }, (_, i) => before + 1 + i));
      for (const call of calls) expect(call.map(({ id }) => id)).toEqual(call.map((_, i) => (call[0]?.id ?? 0) + i));
    });

    it('may be thousands in one call', async () => {
      const before = await newest();
      const appended = await events().append(Array.from({ length: 5000 }, (_, i) => event({ attempt: 'many', detail: { i } })));
      expect(appended.at(-1)).toEqual({ ...event({ attempt: 'many', detail: { i: 4999 } }), id: before + 5000 });
      const page = await events().page({ attempt: 'many', order: 'newest-first', limit: 1 });
      expect(page).toEqual([appended.at(-1)]);
    });
  });

  describe('events that are asked for by', () => {
    const store = new SharedStore(make);

    beforeAll(async () => {
      await store.now.events.append(filterEvents);
    });

    it.each([...filterCases, ...moreCases])('%s', async (_, filter, places) => {
      for (const [order, wanted] of [
        ['oldest-first', places],
        ['newest-first', places.toReversed()],
      ] as const) {
        const page = await store.now.events.page({ ...filter, order, limit: 100 });
        expect(page.map(({ detail }) => detail['n'])).toEqual(wanted);
        // Numbers count from 1, in the order of the places.
        expect(page.map(({ id }) => id - 1)).toEqual(wanted);
        const walked: LabEvent[] = [];
        for (let last: number | undefined; ; last = walked.at(-1)?.id) {
          const position = last === undefined ? {} : order === 'oldest-first' ? { after: last } : { before: last };
          const two = await store.now.events.page({ ...filter, ...position, order, limit: 2 });
          walked.push(...two);
          // A page that is not full is the last one.
          if (two.length < 2) break;
        }
        expect(walked).toEqual(page);
      }
    });

    it('numbers between two', async () => {
      const between = { after: 3, before: 7 } as const;
      const page = await store.now.events.page({ ...between, order: 'oldest-first', limit: 2 });
      expect(page.map(({ id }) => id)).toEqual([4, 5]);
      const back = await store.now.events.page({ ...between, order: 'newest-first', limit: 2, kinds: ['boot.*', 'bootstrap.*'] });
      expect(back.map(({ id }) => id)).toEqual([6, 4]);
      expect(await store.now.events.page({ after: 5, before: 6, order: 'oldest-first', limit: 2 })).toEqual([]);
    });

    it('a time, although a clock was a little behind: order is by number all the same', async () => {
      const times = [0, 30, 10, 40, 20, 100, 90];
      await store.now.events.append(
        times.map((second) => event({ kind: 'clock.tick', atMs: hour(50) + second * 1000, detail: { second } })),
      );
      const seconds = async (filter: EventFilter) => {
        const page = await store.now.events.page({ ...filter, kinds: ['clock.*'], order: 'oldest-first', limit: 100 });
        return page.map(({ detail }) => detail['second']);
      };
      expect(await seconds({ sinceMs: hour(50) + 20_000 })).toEqual([30, 40, 20, 100, 90]);
      expect(await seconds({ untilMs: hour(50) + 20_000 })).toEqual([0, 10, 20]);
      expect(await seconds({ sinceMs: hour(50) + 95_000 })).toEqual([100]);
      expect(await seconds({ untilMs: hour(50) + 95_000 })).toEqual([0, 30, 10, 40, 20, 90]);
    });
  });

  describe('events that are pruned', () => {
    const store = new SharedStore(make);

    it('are those before a time; numbers are never given again', async () => {
      const { events } = store.now;
      await events.append(Array.from({ length: 1200 }, (_, i) => event({ atMs: atMs + i })));
      expect(await events.prune(atMs)).toBe(0);
      expect(await events.prune(atMs + 1100)).toBe(1100);
      expect(await events.bounds()).toEqual({ oldest: 1101, newest: 1200 });
      expect(await events.prune(2 ** 50)).toBe(100);
      expect(await events.bounds()).toEqual({ oldest: 1201, newest: 1200 });
      await store.reopen();
      expect((await store.now.events.append([event()]))[0]?.id).toBe(1201);
      expect(await store.now.events.bounds()).toEqual({ oldest: 1201, newest: 1201 });
    });
  });
}
