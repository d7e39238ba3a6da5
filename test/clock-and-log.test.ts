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
});

describe('DropLog', () => {
  it('shows a burst of each reason, then counts the rest', () => {
    const clock = new HeldClock();
    const log = new CapturedLog();
    const drops = new DropLog(log, clock, 2, 1000);
    for (let i = 0; i < 5; i++) drops.drop('too short', { from: i });
    drops.drop('bad magic', {});
    expect(log.lines.map((line) => line.fields['reason'])).toEqual(['too short', 'too short', 'bad magic']);
    clock.advance(1000);
    drops.drop('too short', {});
    expect(log.lines.at(-2)).toMatchObject({ fields: { reason: 'too short', count: 3 }, message: 'dropped more, not shown' });
    expect(log.lines).toHaveLength(5);
  });
});
