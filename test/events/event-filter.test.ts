import { describe, expect, it } from 'vitest';
import { bootEventOf } from '../../src/events/boot-event.ts';
import { matchesFilter } from '../../src/events/event-filter.ts';
import { filterCases, filterEvents } from './filter-cases.ts';

describe('a filter asks for', () => {
  it.each(filterCases)('%s', (_, filter, wanted) => {
    expect(filterEvents.flatMap((event, n) => (matchesFilter(filter, event) ? [n] : []))).toEqual(wanted);
  });
});

describe('an event of a boot', () => {
  const ofAttempt = { atMs: 7, elapsedMs: 5, attempt: 'post01-2', machine: 'post01', mac: '52:54:00:00:00:01' };

  it('carries all but what it is about as its detail', () => {
    expect(bootEventOf({ ...ofAttempt, kind: 'stage', stage: 'loader', protocol: 'tftp', file: 'pxegrub', bytes: 9 })).toEqual({
      atMs: 7,
      kind: 'boot.stage',
      severity: 'info',
      machine: 'post01',
      attempt: 'post01-2',
      detail: { elapsedMs: 5, mac: '52:54:00:00:00:01', stage: 'loader', protocol: 'tftp', file: 'pxegrub', bytes: 9 },
    });
    expect(bootEventOf({ kind: 'ignored', atMs: 7, protocol: 'dhcp', reason: 'unknown' })).toEqual({
      atMs: 7,
      kind: 'boot.ignored',
      severity: 'debug',
      detail: { protocol: 'dhcp', reason: 'unknown' },
    });
  });

  it('stands out where somebody must look', () => {
    const stuck = {
      lastStage: 'menu',
      lastPacket: 'RRQ',
      expectedStage: 'kernel',
      expectedPacket: 'a kernel',
      waitedSeconds: 9,
      causes: [],
    } as const;
    expect(bootEventOf({ ...ofAttempt, kind: 'stuck', ...stuck }).severity).toBe('warning');
    expect(bootEventOf({ ...ofAttempt, kind: 'failed', lastStage: 'menu', lastPacket: '', reason: '' }).severity).toBe('error');
  });
});
