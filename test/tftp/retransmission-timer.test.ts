import { describe, expect, it } from 'vitest';
import { RetransmissionTimer } from '../../src/tftp/retransmission-timer.ts';

const limits = { initialMs: 200, floorMs: 10, ceilingMs: 4_000 };

describe('the retransmission timer', () => {
  it('waits the initial time before anything was measured', () => {
    expect(new RetransmissionTimer(limits).delayMs).toBe(200);
  });

  it('waits three round trips after the first sample (RFC 6298 2.2)', () => {
    const timer = new RetransmissionTimer(limits);
    timer.sample(40);
    expect(timer.delayMs).toBe(120);
  });

  it('comes close to a steady round trip (RFC 6298 2.3)', () => {
    const timer = new RetransmissionTimer(limits);
    for (let sample = 0; sample < 50; sample++) timer.sample(40);
    expect(timer.delayMs).toBeCloseTo(45, 0);
  });

  it('leaves room for a round trip that varies', () => {
    const timer = new RetransmissionTimer(limits);
    for (let sample = 0; sample < 50; sample++) timer.sample(sample % 2 === 0 ? 20 : 60);
    expect(timer.delayMs).toBeGreaterThan(100);
  });

  it('never waits less than the floor', () => {
    const timer = new RetransmissionTimer(limits);
    for (let sample = 0; sample < 50; sample++) timer.sample(0.2);
    expect(timer.delayMs).toBe(10);
  });

  it('repeats once after the same wait, then backs off up to the ceiling (RFC 6298 5.5)', () => {
    const timer = new RetransmissionTimer(limits);
    const waits = Array.from({ length: 8 }, () => {
      const { delayMs } = timer;
      timer.timedOut();
      return delayMs;
    });
    expect(waits).toEqual([200, 200, 400, 1_600, 4_000, 4_000, 4_000, 4_000]);
  });

  it('keeps the longer wait until a block gave a sample (RFC 6298 5.7, Karn)', () => {
    const timer = new RetransmissionTimer(limits);
    timer.timedOut();
    timer.timedOut();
    expect(timer.delayMs).toBe(400);
    timer.sample(10);
    expect(timer.delayMs).toBe(30);
  });
});
