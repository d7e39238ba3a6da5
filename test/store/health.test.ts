import { describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { Health } from '../../src/store/health.ts';

function health() {
  const clock = new HeldClock();
  const told: (string | undefined)[] = [];
  const probes: Error[] = [];
  const subject = new Health({
    clock,
    tell: (reason) => told.push(reason),
    probe: () => {
      const failure = probes.shift();
      return failure === undefined ? Promise.resolve() : Promise.reject(failure);
    },
  });
  const second = async (): Promise<void> => {
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { subject, clock, told, probes, second };
}

describe('the health of the store', () => {
  it('is told once, however many writes fail, and once when a probe has come through', async () => {
    const { subject, told, probes, second } = health();
    for (let i = 0; i < 100; i++) subject.failed('write', 'disk full');
    expect(told).toEqual(['disk full']);
    probes.push(new Error('still full'));
    await second();
    expect(told).toEqual(['disk full']);
    await second();
    expect(told).toEqual(['disk full', undefined]);
  });

  it('is well again only when writes and listening both are', async () => {
    const { subject, told, second } = health();
    subject.failed('write', 'connection lost');
    subject.failed('listen', 'connection lost');
    await second();
    expect(told).toEqual(['connection lost']);
    subject.succeeded('listen');
    expect(told).toEqual(['connection lost', undefined]);
  });

  it('leaves no timer behind, and tells nothing after it was closed', () => {
    const { subject, clock, told } = health();
    subject.failed('write', 'disk full');
    subject.close();
    subject.failed('write', 'disk full');
    subject.succeeded('write');
    expect(clock.pendingTimers).toBe(0);
    expect(told).toEqual(['disk full']);
  });
});
