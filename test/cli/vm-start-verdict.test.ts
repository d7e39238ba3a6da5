import { expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { VmStartVerdict } from '../../src/cli/vm-start-verdict.ts';

const line = (kind: string, detail: object = {}) => ({ event: 'manager', kind, machine: 'post01', ...detail });

it('is ready when a VM says so, and waits for nothing more', async () => {
  const clock = new HeldClock();
  const verdict = new VmStartVerdict(300, clock);
  verdict.begin();
  verdict.take(line('vm.ready', { vm: 'worker-1', address: '192.168.0.100' }));
  expect(clock.pendingTimers).toBe(0);
  await expect(verdict.outcome).resolves.toEqual({ kind: 'ready', vm: 'worker-1', host: 'post01', address: '192.168.0.100' });
});

it('says what the manager said last where none is ready in time', async () => {
  const clock = new HeldClock();
  const verdict = new VmStartVerdict(300, clock);
  for (let n = 1; n <= 9; n++) verdict.take(line('vm.failed', { vm: `worker-${n}`, reason: 'no memory' }));
  verdict.begin();
  clock.advance(300_000);
  await expect(verdict.outcome).resolves.toMatchObject({
    kind: 'late',
    headline: 'no VM was ready within 300 s of the hello',
    last: [2, 3, 4, 5, 6, 7, 8, 9].map((n) => `vm.failed worker-${n}: no memory`),
  });
});

it('shows each thing that the manager says, since power-on, and nothing that others say', () => {
  const clock = new HeldClock();
  const verdict = new VmStartVerdict(300, clock);
  verdict.poweredOn(clock.now());
  clock.advance(90_000);
  expect(verdict.take({ event: 'boot', kind: 'up' })).toBeUndefined();
  expect(verdict.take(line('host.online', { reason: 'role farm is brought up' }))).toMatchObject({
    seconds: 90,
    stage: 'host.online',
    what: 'post01: role farm is brought up',
  });
});

it('leaves no timer behind', () => {
  const clock = new HeldClock();
  const verdict = new VmStartVerdict(300, clock);
  verdict.begin();
  verdict.end();
  expect(clock.pendingTimers).toBe(0);
});
