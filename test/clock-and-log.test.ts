import { describe, expect, it } from 'vitest';
import { HeldClock } from '../src/clock.ts';
import { CapturedLog, DropLog } from '../src/log.ts';

describe('HeldClock', () => {
  it('fires timers in the order of their due times, those set meanwhile included', () => {
    const clock = new HeldClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push(`b at ${clock.monotonic()}`));
    clock.after(10, () => {
      fired.push(`a at ${clock.monotonic()}`);
      clock.after(5, () => fired.push(`c at ${clock.monotonic()}`));
    });
    clock.after(15, () => fired.push('cancelled')).cancel();
    clock.advance(19);
    expect(fired).toEqual(['a at 10', 'c at 15']);
    clock.advance(1);
    expect(fired).toEqual(['a at 10', 'c at 15', 'b at 20']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('steps from timer to timer, one at a time even where two are due together', () => {
    const clock = new HeldClock();
    const fired: string[] = [];
    clock.after(10, () => fired.push('a'));
    clock.after(10, () => fired.push('b'));
    clock.after(30, () => fired.push('too late'));
    expect(clock.step(20)).toBe(true);
    expect([...fired, clock.monotonic()]).toEqual(['a', 10]);
    expect(clock.step(10)).toBe(true);
    expect([...fired, clock.monotonic()]).toEqual(['a', 'b', 10]);
    expect(clock.step(10), 'none is due until 20').toBe(false);
    expect([...fired, clock.monotonic()]).toEqual(['a', 'b', 20]);
  });
});

describe('DropLog', () => {
  it('shows a burst of each reason, then counts the rest', () => {
    const clock = new HeldClock();
    const log = new CapturedLog();
    const drops = new DropLog(log, clock, 2, 1000);
    for (let i = 0; i < 5; i++) drops.drop('too short', { from: i });
    drops.drop('bad magic', {});
    expect(log.lines.map((line) => line.fields['reason'])).toEqual(['too short', 'too short', 'bad magic']);
    expect(clock.pendingTimers, 'for the one reason of which something was left out').toBe(1);
    clock.advance(999);
    expect(log.lines).toHaveLength(3);
    clock.advance(1);
    expect(log.lines.at(-1)).toMatchObject({ fields: { reason: 'too short', count: 3 }, message: 'dropped more, not shown' });
    clock.advance(10_000);
    for (let i = 0; i < 3; i++) drops.drop('too short', {});
    expect(log.lines.slice(4).map((line) => line.message)).toEqual(['dropped', 'dropped']);
  });

  it('counts the rest at once when it is closed, and keeps no timer', () => {
    const clock = new HeldClock();
    const log = new CapturedLog();
    const drops = new DropLog(log, clock, 1, 1000);
    for (const reason of ['too short', 'too short', 'bad magic', 'too long', 'too long', 'too long']) drops.drop(reason, {});
    drops.close();
    expect(log.lines.slice(3).map(({ fields }) => fields)).toEqual([
      { reason: 'too short', count: 1 },
      { reason: 'too long', count: 2 },
    ]);
    for (let i = 0; i < 3; i++) drops.drop('too short', {});
    expect(clock.pendingTimers).toBe(0);
    drops.close();
    expect(log.lines.at(-1)).toMatchObject({ fields: { reason: 'too short', count: 2 } });
  });
});
