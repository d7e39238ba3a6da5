import { expect, it } from 'vitest';
import type { BootEvent } from '../../src/boot/boot-event.ts';
import { BootTimeline, formatRow } from '../../src/cli/boot-timeline.ts';

const poweredOnMs = 1_000_000;
const of = { attempt: 'post01-1', machine: 'post01', mac: '52:54:00:00:00:01' };
const at = (seconds: number) => ({ ...of, atMs: poweredOnMs + seconds * 1000, elapsedMs: seconds * 1000 });

function rows(...events: BootEvent[]): string[] {
  const timeline = new BootTimeline(poweredOnMs);
  return [...events.flatMap((event) => timeline.take(event)), ...timeline.flush()].map((row) =>
    formatRow(row).replaceAll(/ +/g, ' ').trim(),
  );
}

it('counts from power-on, not from the first packet', () => {
  expect(rows({ ...at(2.2), kind: 'stage', stage: 'discover', protocol: 'dhcp' })).toEqual(['2.2 discover dhcp']);
});

it('shows a file that completes a stage once', () => {
  const file = '/grub/post01.conf';
  expect(
    rows(
      { ...at(5.9), kind: 'file', protocol: 'tftp', phase: 'opened', file, bytes: 0, size: 1626 },
      { ...at(6), kind: 'file', protocol: 'tftp', phase: 'finished', file, bytes: 1626, size: 1626 },
      { ...at(6), kind: 'stage', stage: 'menu', protocol: 'tftp', file, bytes: 1626 },
    ),
  ).toEqual(['6.0 menu tftp /grub/post01.conf 1,626']);
});

it('shows other files by themselves, in their order', () => {
  expect(
    rows(
      { ...at(8), kind: 'file', protocol: 'tftp', phase: 'finished', file: '/images/dom0@1/xen.gz', bytes: 1000 },
      { ...at(9), kind: 'file', protocol: 'tftp', phase: 'missing', file: '/grub/x.mod', bytes: 0, reason: 'no such file' },
      { ...at(10), kind: 'file', protocol: 'tftp', phase: 'aborted', file: '/a', bytes: 512 },
    ),
  ).toEqual(['8.0 tftp /images/dom0@1/xen.gz 1,000', '9.0 tftp /grub/x.mod missing: no such file', '10.0 tftp /a aborted after 512 bytes']);
});

it('sums up how long each stage took', () => {
  const timeline = new BootTimeline(poweredOnMs);
  timeline.take({ ...at(2), kind: 'stage', stage: 'discover', protocol: 'dhcp' });
  timeline.take({ ...at(6.5), kind: 'stage', stage: 'loader', protocol: 'tftp', file: 'pxegrub' });
  expect(timeline.durations()).toEqual([
    { stage: 'discover', seconds: 2, took: 2 },
    { stage: 'loader', seconds: 6.5, took: 4.5 },
  ]);
});
