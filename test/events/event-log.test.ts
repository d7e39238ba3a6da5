import { describe, expect, it } from 'vitest';
import type { NewEvent } from '../../src/events/event-store.ts';
import { event, Rig, severe } from './rig.ts';

/** All that is due has happened, but for what waits for time or for the store. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe('append', () => {
  it('brings events into the store in their order, what is told in one turn in one transaction', async () => {
    const rig = await new Rig().start();
    rig.append(1, 3);
    expect(rig.store.events).toEqual([]);
    await rig.events.idle();
    expect(rig.store.events.map(({ id, detail }) => [id, detail['n']])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(rig.store.batches).toEqual([3]);
    await rig.events.close();
  });

  it('gathers what comes while a transaction is written, in bounded ones', async () => {
    const rig = await new Rig().start({ batch: 10 });
    const held = Promise.withResolvers<void>();
    rig.store.pause = () => held.promise;
    rig.append(1);
    await settle();
    rig.append(2, 26);
    held.resolve();
    await rig.events.idle();
    expect(rig.store.batches).toEqual([1, 10, 10, 5]);
    expect(rig.store.events.map(({ detail }) => detail['n'])).toEqual(Array.from({ length: 26 }, (_, n) => n + 1));
    await rig.events.close();
  });

  it('tells subscribers when an event is durable, not before', async () => {
    const rig = await new Rig().start();
    const reader = rig.reader().run();
    const held = Promise.withResolvers<void>();
    rig.store.pause = (step) => (step === 'append' ? held.promise : Promise.resolve());
    rig.append(1, 2);
    await settle();
    expect({ items: reader.items, newest: rig.events.newest }).toEqual({ items: [], newest: 0 });
    held.resolve();
    await rig.events.idle();
    await settle();
    expect(reader.items).toEqual([1, 2]);
    await rig.events.close();
  });

  it('keeps events while the store fails, tries again and again, and says it once', async () => {
    const rig = await new Rig().start();
    rig.store.failure = new Error('disk full');
    rig.append(1, 5);
    for (let tries = 0; tries < 8; tries++) {
      await settle();
      rig.clock.advance(30_000);
    }
    await settle();
    rig.append(6);
    expect(rig.store.batches.length).toBeGreaterThan(5);
    expect(rig.log.lines.map(({ level, message }) => [level, message])).toEqual([['error', expect.stringContaining('cannot be written')]]);
    rig.store.failure = undefined;
    rig.clock.advance(30_000);
    await rig.events.idle();
    expect(rig.store.events.map(({ detail }) => detail['n'])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rig.log.lines.at(-1)).toMatchObject({ level: 'info', message: 'events are written again' });
    await rig.events.close();
  });

  it('waits longer from failure to failure, half a minute at most', async () => {
    const rig = await new Rig().start();
    rig.store.failure = new Error('gone');
    rig.append(1);
    const waits: number[] = [];
    await settle();
    for (let tries = 1; tries < 9; tries++) {
      let waitedMs = 0;
      while (rig.store.batches.length === tries) {
        rig.clock.advance(500);
        waitedMs += 500;
        await settle();
      }
      waits.push(waitedMs);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    rig.store.failure = undefined;
    await rig.events.close();
  });

  it('gives up the least important where too many wait, and tells how many', async () => {
    const rig = await new Rig().start({ queue: 4, batch: 100 });
    const held = Promise.withResolvers<void>();
    rig.store.pause = () => held.promise;
    rig.append(0);
    await settle();
    const told: [NewEvent['severity'], number][] = [
      ['debug', 1],
      ['error', 2],
      ['info', 3],
      ['debug', 4],
      ['warning', 5],
      ['debug', 6],
      ['error', 7],
      ['info', 8],
    ];
    for (const [severity, n] of told) rig.events.append(severe(severity, n));
    held.resolve();
    await rig.events.idle();
    expect(rig.store.events.map(({ kind, detail }) => (kind === 'events.dropped' ? detail : detail['n']))).toEqual([
      0,
      2,
      3,
      5,
      7,
      { count: 4, worst: 'info' },
    ]);
    await rig.events.close();
  });

  it('never throws, whatever it is told', async () => {
    const rig = await new Rig().start();
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    for (const detail of [circle, { big: 1n }]) rig.events.append(event(1, { detail }));
    rig.events.append(
      event(2, { kind: `test.${'k'.repeat(9_999)}`, machine: 'a\0b', detail: { text: 'x\0\uD800', many: 'y'.repeat(20_000) } }),
    );
    rig.events.append(event(3, { machine: 'half \uD83D', detail: { text: 'x\0\uD800' } }));
    await rig.events.idle();
    const [long, odd, dropped] = rig.store.events;
    expect(long).toMatchObject({ machine: 'a\u{FFFD}b', detail: { characters: expect.any(Number) as number } });
    expect(JSON.stringify(long).length).toBeLessThan(2_000);
    expect(odd).toMatchObject({ machine: 'half \u{FFFD}', detail: { text: 'x\u{FFFD}\u{FFFD}' } });
    expect(dropped).toMatchObject({ kind: 'events.dropped', detail: { count: 2 } });
    await rig.events.close();
  });

  it('keeps what was told, not what becomes of it afterwards', async () => {
    const rig = await new Rig().start();
    const detail = { causes: ['one'] };
    rig.events.append(event(1, { detail }));
    detail.causes.push('two');
    await rig.events.idle();
    expect(rig.store.events[0]?.detail).toEqual({ causes: ['one'] });
    await rig.events.close();
  });
});

describe('close', () => {
  it('writes what waits, ends those who listen and leaves no timer', async () => {
    const rig = await new Rig().start();
    const reader = rig.reader().run();
    rig.append(1, 3);
    await rig.events.close();
    await settle();
    expect(rig.store.events).toHaveLength(3);
    expect(reader.items).toEqual([1, 2, 3, 'end']);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('tries once more where the store has failed, and says what is lost', async () => {
    const rig = await new Rig().start({ batch: 2 });
    rig.store.failure = new Error('disk full');
    rig.append(1, 5);
    await settle();
    await rig.events.close();
    expect(rig.log.lines.at(-1)).toMatchObject({
      level: 'error',
      fields: { count: 5 },
      message: expect.stringContaining('are lost') as string,
    });
    expect(rig.clock.pendingTimers).toBe(0);
    const saved = await new Rig().start({ batch: 2 });
    saved.store.failure = new Error('busy');
    saved.append(1, 5);
    await settle();
    saved.store.failure = undefined;
    await saved.events.close();
    expect(saved.store.events).toHaveLength(5);
  });

  it('is not held up by a database that reads no more', async () => {
    const rig = await new Rig().start();
    const reader = rig.reader().run();
    rig.store.pageFailure = new Error('gone');
    rig.store.appendElsewhere(event(1));
    rig.store.tell();
    await settle();
    await rig.events.close();
    await settle();
    expect({ ended: reader.ended, timers: rig.clock.pendingTimers }).toEqual({ ended: true, timers: 0 });
  });
});

describe('other servers on the same database', () => {
  it('are heard in the order of numbers, with our own events between', async () => {
    const rig = await new Rig().start();
    const reader = rig.reader().run();
    rig.store.appendElsewhere(event(1), event(2));
    rig.append(3);
    await rig.events.idle();
    rig.store.appendElsewhere(event(4));
    rig.store.tell();
    await rig.events.idle();
    rig.store.tell(2);
    rig.append(5);
    await rig.events.idle();
    await settle();
    expect(reader.items).toEqual([1, 2, 3, 4, 5]);
    await rig.events.close();
  });

  it('may say again, and late, how far they were', async () => {
    const rig = await new Rig().start();
    const reader = rig.reader().run();
    rig.store.appendElsewhere(event(1), event(2), event(3));
    rig.store.tell(3);
    rig.store.tell(1);
    await settle();
    await settle();
    expect(reader.items).toEqual([1, 2, 3]);
    await rig.events.close();
  });

  it('may leave numbers out: their transactions were rolled back', async () => {
    const rig = await new Rig().start();
    const reader = rig.reader().run();
    rig.store.newest = 7;
    rig.append(1);
    await rig.events.idle();
    await settle();
    expect(reader.items).toEqual([8]);
    await rig.events.close();
  });

  it('are read by pages, and again where the database failed', async () => {
    const rig = await new Rig().start({ subscriberQueue: 2_000 });
    const reader = rig.reader().run();
    rig.store.appendElsewhere(...Array.from({ length: 1_200 }, (_, n) => event(n)));
    rig.store.pageFailure = new Error('gone');
    rig.store.tell();
    rig.append(1_201);
    for (let tries = 0; tries < 3; tries++) {
      await settle();
      rig.clock.advance(1_000);
    }
    expect(reader.items).toEqual([]);
    rig.store.pageFailure = undefined;
    rig.clock.advance(1_000);
    await rig.events.idle();
    await settle();
    expect(reader.items).toEqual(Array.from({ length: 1_201 }, (_, n) => n + 1));
    expect(rig.log.lines).toMatchObject([{ level: 'error', message: expect.stringContaining('cannot be read') as string }]);
    await rig.events.close();
  });

  it('cost nothing where nobody listens', async () => {
    const rig = await new Rig().start();
    rig.store.appendElsewhere(event(1), event(2));
    rig.store.tell();
    rig.append(3);
    await rig.events.idle();
    expect({ pages: rig.store.pages, newest: rig.events.newest }).toEqual({ pages: 0, newest: 3 });
    await rig.events.close();
  });
});

describe('what is kept', () => {
  it('is pruned by age, a bite at a time, from a minute after the start and then each hour', async () => {
    const rig = await new Rig().start();
    const now = rig.clock.now();
    const dayMs = 86_400_000;
    for (let n = 0; n < 8; n++) rig.events.append(event(n, { atMs: now - 31 * dayMs }));
    rig.events.append(event(9, { atMs: now - 29 * dayMs }));
    await rig.events.idle();
    rig.clock.advance(60_000);
    await settle();
    expect(rig.store.events).toHaveLength(6);
    for (let bites = 0; bites < 4; bites++) {
      rig.clock.advance(200);
      await settle();
    }
    expect(rig.store.events.map(({ detail }) => detail['n'])).toEqual([9]);
    expect(rig.log.lines).toMatchObject([{ level: 'info', fields: { count: 8 } }]);
    rig.store.pruneFailure = new Error('busy');
    rig.clock.advance(3_600_000);
    await settle();
    expect(rig.log.lines.at(-1)).toMatchObject({ level: 'error', message: expect.stringContaining('cannot be deleted') as string });
    rig.store.pruneFailure = undefined;
    for (let hours = 0; hours < 26; hours++) {
      rig.clock.advance(3_600_000);
      await settle();
    }
    expect(rig.store.events).toEqual([]);
    await rig.events.close();
  });
});
