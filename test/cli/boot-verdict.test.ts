import { expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { BootVerdict, describeFailure, type BootFailure } from '../../src/cli/boot-verdict.ts';
import { defaultStageSeconds } from '../../src/model/boot-profile.ts';

const of = { atMs: 0, elapsedMs: 0, attempt: 'post01-1', machine: 'post01', mac: '52:54:00:00:00:01' };

it('is up when the server says so, and waits for nothing more', async () => {
  const clock = new HeldClock();
  const verdict = new BootVerdict('post01', defaultStageSeconds, clock);
  verdict.begin();
  verdict.take({ ...of, kind: 'up', reason: 'hello' });
  expect(clock.pendingTimers).toBe(0);
  await expect(verdict.next()).resolves.toEqual({ kind: 'up' });
});

it('passes on where the server sees a boot hang', async () => {
  const verdict = new BootVerdict('post01', defaultStageSeconds);
  verdict.take({
    ...of,
    kind: 'stuck',
    lastStage: 'kernel',
    lastPacket: 'TFTP /images/dom0@1/initrd.gz finished (7 bytes)',
    expectedStage: 'kernel-lease',
    expectedPacket: "the kernel's own DHCP REQUEST",
    waitedSeconds: 120,
    causes: ['no driver', 'no cable'],
  });
  expect(describeFailure((await verdict.next()) as BootFailure)).toBe(
    [
      'post01 is stuck: 120 s since kernel',
      '  last stage reached: kernel',
      '  last packet seen:   TFTP /images/dom0@1/initrd.gz finished (7 bytes)',
      "  next one expected:  the kernel's own DHCP REQUEST",
      '  likely causes:    - no driver',
      '                    - no cable',
    ].join('\n'),
  );
});

it('says itself that a machine is silent of which the server never heard', async () => {
  const clock = new HeldClock();
  const verdict = new BootVerdict('post01', { ...defaultStageSeconds, discover: 5 }, clock);
  verdict.begin();
  const outcome = verdict.next();
  clock.advance(20_000);
  await expect(outcome).resolves.toMatchObject({
    kind: 'stuck',
    lastStage: 'none',
    lastPacket: 'none',
    expected: 'a DHCP DISCOVER from the machine',
  });
});

it('waits anew from each stage', async () => {
  const clock = new HeldClock();
  const verdict = new BootVerdict('post01', { ...defaultStageSeconds, discover: 5, offer: 5, lease: 5 }, clock);
  verdict.begin();
  clock.advance(19_000);
  verdict.take({ ...of, kind: 'stage', stage: 'discover', protocol: 'dhcp' });
  clock.advance(19_000);
  verdict.take({ ...of, kind: 'stage', stage: 'offer', protocol: 'dhcp', address: '192.168.0.11' });
  const outcome = verdict.next();
  clock.advance(20_000);
  await expect(outcome).resolves.toMatchObject({
    lastStage: 'offer',
    lastPacket: 'DHCP 192.168.0.11',
    expected: 'a DHCP REQUEST, and our ACK',
  });
});

it('keeps the position of a boot whose server or machine is gone', () => {
  const verdict = new BootVerdict('post01', defaultStageSeconds);
  verdict.take({ ...of, kind: 'stage', stage: 'mount', protocol: 'nfs', file: '/images/dom0@1' });
  expect(verdict.broken('post01 ended')).toMatchObject({
    kind: 'broken',
    lastStage: 'mount',
    expected: 'POST /boot/v1/hello with the boot token',
  });
});
