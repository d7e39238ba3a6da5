import { describe, expect, it } from 'vitest';
import type { EventFilter, NewEvent } from '../../src/events/event-store.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import type { StoreUnderTest } from './store-contract.ts';

function event(more: Partial<NewEvent> = {}): NewEvent {
  return { atMs, kind: 'boot.stage', severity: 'info', detail: {}, ...more };
}

/** Twelve events an hour apart, each told by its detail. */
const twelve: readonly NewEvent[] = (
  [
    { kind: 'boot.opened', machine: 'post01', attempt: 'a1' },
    { kind: 'boot.file', severity: 'debug', machine: 'post01', attempt: 'a1' },
    { kind: 'boot.stuck', severity: 'warning', machine: 'post01', attempt: 'a1' },
    { kind: 'bootstrap.begun' },
    { kind: 'machine.assigned', machine: 'post02' },
    { kind: 'boot.opened', machine: 'post02', attempt: 'a2' },
    { kind: 'boot.failed', severity: 'error', machine: 'post02', attempt: 'a2' },
    { kind: 'template.published' },
    { kind: 'boot', severity: 'debug' },
    { kind: 'boot.nfs.mount', machine: 'post01', attempt: 'a3' },
    { kind: 'boot.nfs.read', severity: 'debug', machine: 'post01', attempt: 'a3' },
    { kind: 'boot.nfs_x.read', severity: 'error', machine: 'post02', attempt: 'a3' },
  ] satisfies Partial<NewEvent>[]
).map((more, n) => event({ ...more, atMs: atMs + n * 3_600_000, detail: { n } }));

const hour = (n: number): number => atMs + n * 3_600_000;

const filters: readonly [string, EventFilter, readonly number[]][] = [
  ['nothing', {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  ['no kinds', { kinds: [] }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  ['a kind', { kinds: ['boot.opened'] }, [0, 5]],
  ['two kinds', { kinds: ['machine.assigned', 'boot.opened'] }, [0, 4, 5]],
  ['a kind twice', { kinds: ['boot.opened', 'boot.opened'] }, [0, 5]],
  ['a noun', { kinds: ['boot.*'] }, [0, 1, 2, 5, 6, 9, 10, 11]],
  ['a noun and a kind of it', { kinds: ['boot.*', 'boot.opened', 'template.published'] }, [0, 1, 2, 5, 6, 7, 9, 10, 11]],
  ['a longer stem', { kinds: ['boot.nfs.*'] }, [9, 10]],
  ['a kind that is only a noun', { kinds: ['boot'] }, [8]],
  ['all of them', { kinds: ['*'] }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  ['a kind that never was', { kinds: ['nonsense'] }, []],
  ['info and worse', { severity: 'info' }, [0, 2, 3, 4, 5, 6, 7, 9, 11]],
  ['warnings and worse', { severity: 'warning' }, [2, 6, 11]],
  ['errors', { severity: 'error' }, [6, 11]],
  ['debug and worse', { severity: 'debug' }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  ['a noun and a severity', { kinds: ['boot.*'], severity: 'warning' }, [2, 6, 11]],
  ['a machine', { machine: 'post02' }, [4, 5, 6, 11]],
  ['a machine and kinds', { machine: 'post01', kinds: ['boot.nfs.*', 'boot.stuck'] }, [2, 9, 10]],
  ['a machine and a severity', { machine: 'post02', severity: 'error' }, [6, 11]],
  ['an attempt', { attempt: 'a1' }, [0, 1, 2]],
  ['an attempt and a machine', { attempt: 'a3', machine: 'post01' }, [9, 10]],
  ['an attempt, kinds and a severity', { attempt: 'a3', kinds: ['boot.*'], severity: 'info' }, [9, 11]],
  ['a time from which on', { sinceMs: hour(10) }, [10, 11]],
  ['a time up to which', { untilMs: hour(1) }, [0, 1]],
  ['a time between', { sinceMs: hour(3), untilMs: hour(5) }, [3, 4, 5]],
  ['a time and a kind', { sinceMs: hour(1), untilMs: hour(9), kinds: ['boot.opened'] }, [5]],
  ['a time and a severity', { sinceMs: hour(3), severity: 'warning' }, [6, 11]],
  ['a time before all', { untilMs: atMs - 1 }, []],
  ['a time after all', { sinceMs: hour(12) }, []],
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
    let from = 0;

    it('anything are these', async () => {
      from = (await store.now.events.append(twelve))[0]?.id ?? 0;
      expect(from).toBe(1);
    });

    it.each(filters)('%s', async (_, filter, wanted) => {
      for (const [order, expected] of [
        ['oldest-first', wanted],
        ['newest-first', wanted.toReversed()],
      ] as const) {
        const page = await store.now.events.page({ ...filter, order, limit: 100 });
        expect(page.map(({ detail }) => detail['n'])).toEqual(expected);
        expect(page.map(({ id }) => id - from)).toEqual(expected);
        // Pages of two, from the end of the one before.
        const walked: unknown[] = [];
        for (let last: number | undefined; ;) {
          const cursor = last === undefined ? {} : order === 'oldest-first' ? { after: last } : { before: last };
          const two = await store.now.events.page({ ...filter, ...cursor, order, limit: 2 });
          walked.push(...two.map(({ detail }) => detail['n']));
          last = two.at(-1)?.id;
          if (last === undefined) break;
        }
        expect(walked).toEqual(expected);
      }
    });

    it('two numbers lie between them', async () => {
      const between = { after: from + 2, before: from + 6 } as const;
      const page = await store.now.events.page({ ...between, order: 'oldest-first', limit: 2 });
      expect(page.map(({ id }) => id - from)).toEqual([3, 4]);
      const back = await store.now.events.page({ ...between, order: 'newest-first', limit: 2, kinds: ['boot.*', 'bootstrap.*'] });
      expect(back.map(({ id }) => id - from)).toEqual([5, 3]);
    });

    it.each([
      ['a word of the detail, in any case', 'VMLINUZ', ['file']],
      ['a word of the kind', 'refus', ['refused']],
      ['a word of the machine', 'größe', ['machine']],
      ['a quote', 'say "no"', ['quote']],
      ['a backslash and a line end', 'C:\\x\ny', ['backslash']],
      ['a per cent sign, which is no wild card', '100%', ['percent']],
      ['an underscore, which is no wild card', 'a_b', ['underscore']],
      ['letters beyond ASCII', '電源', ['letters']],
      ['what nobody wrote', 'nowhere', []],
    ])('%s', async (_, q, wanted) => {
      const known = await store.now.events.page({ kinds: ['text.*'], order: 'oldest-first', limit: 1 });
      const texts: readonly NewEvent[] = [
        event({ kind: 'text.a', detail: { is: 'file', path: '/boot/vmlinuz-6.12' } }),
        event({ kind: 'text.refused', detail: { is: 'refused' } }),
        event({ kind: 'text.b', machine: 'größe 01', detail: { is: 'machine' } }),
        event({ kind: 'text.c', detail: { is: 'quote', text: 'they say "no"' } }),
        event({ kind: 'text.d', detail: { is: 'backslash', text: 'C:\\x\ny' } }),
        event({ kind: 'text.e', detail: { is: 'percent', text: '100%' } }),
        event({ kind: 'text.f', detail: { is: 'other', text: '1000 axb' } }),
        event({ kind: 'text.g', detail: { is: 'underscore', text: 'a_b' } }),
        event({ kind: 'text.h', detail: { is: 'letters', text: '主電源' } }),
      ];
      await store.now.events.append(known.length === 0 ? texts : []);
      const found = await store.now.events.page({ q, order: 'oldest-first', limit: 100 });
      expect(found.map(({ detail }) => detail['is'])).toEqual(wanted);
      const ofKinds = await store.now.events.page({ q, kinds: ['text.*'], severity: 'info', order: 'newest-first', limit: 100 });
      expect(ofKinds.map(({ detail }) => detail['is'])).toEqual(wanted.toReversed());
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
