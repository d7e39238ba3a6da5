import { describe, expect, it } from 'vitest';
import type { BootEvent } from '../../src/boot/boot-event.ts';
import { eventLog, keptEvents } from '../../src/boot/event-log.ts';
import { HeldClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import { mac, strangeMac } from './rig.ts';

const ofPost01 = { atMs: 0, elapsedMs: 0, attempt: 'post01-0', machine: 'post01', mac } as const;
const ofStranger = { ...ofPost01, attempt: 'x', machine: '02-00-00-00-00-99', mac: strangeMac } as const;
const ignored: BootEvent = { kind: 'ignored', atMs: 0, protocol: 'dhcp', mac: strangeMac, reason: 'nobody knows it' };

function listening() {
  const log = new CapturedLog();
  const clock = new HeldClock();
  return { log, clock, listener: eventLog({ log, clock, isMachine: (name) => name === 'post01' }) };
}

function keeping() {
  const kept: BootEvent[] = [];
  const log = new CapturedLog();
  const clock = new HeldClock();
  const listener = keptEvents({ log, clock, isMachine: (name) => name === 'post01' }, (event) => void kept.push(event));
  return { kept, log, clock, listener };
}

describe('keptEvents', () => {
  const file = { ...ofPost01, kind: 'file', protocol: 'tftp', file: '/pxegrub', bytes: 0 } as const;

  it('keeps what came of a file, and not that it was asked for', () => {
    const { kept, listener } = keeping();
    for (const phase of ['opened', 'finished', 'opened', 'missing', 'aborted', 'refused'] as const) listener({ ...file, phase });
    expect(kept.map((event) => event.kind === 'file' && event.phase)).toEqual(['finished', 'missing', 'aborted', 'refused']);
  });

  it('keeps every stage of our machines, whatever floods in beside them, and says in the log what was left out', () => {
    const { kept, log, clock, listener } = keeping();
    for (let number = 0; number < 10_000; number++) {
      listener(ignored);
      listener({ ...ofStranger, kind: 'opened', profile: 'dom0', reason: 'unknown' });
      listener({ ...file, phase: 'missing' });
      listener({ ...ofPost01, kind: 'stage', stage: 'menu', protocol: 'tftp' });
    }
    expect(kept.filter(({ kind }) => kind === 'stage')).toHaveLength(10_000);
    expect(kept).toHaveLength(10_000 + 60 + 300 + 300);
    clock.advance(60_000);
    listener(ignored);
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { of: 'unknown clients of dhcp', count: 9_940 } }]);
  });
});

describe('eventLog', () => {
  it('shows some packets of unknown clients in ten seconds, counts the others, and begins anew', () => {
    const { log, clock, listener } = listening();
    for (let sent = 0; sent < 10_000; sent++) listener(ignored);
    expect(log.lines).toHaveLength(20);
    clock.advance(10_000);
    listener(ignored);
    expect(log.lines.at(-2)).toMatchObject({
      fields: { of: 'unknown clients of dhcp', count: 9_980 },
      message: 'more boot events, not shown',
    });
    expect(log.lines.at(-1)).toMatchObject({ fields: { event: 'boot', reason: 'nobody knows it' }, message: 'boot ignored' });
  });

  it('counts all clients of made-up names as one', () => {
    const { log, listener } = listening();
    for (let number = 0; number < 1_000; number++)
      listener({ ...ofStranger, machine: `02-00-00-00-00-${number}`, kind: 'opened', profile: 'dom0', reason: 'unknown' });
    expect(log.lines).toHaveLength(200);
  });

  it('shows each stage of our machines, whatever they and others repeat', () => {
    const { log, listener } = listening();
    for (let sent = 0; sent < 2_000; sent++) {
      listener(ignored);
      listener({ ...ofPost01, kind: 'file', protocol: 'http', phase: 'opened', file: '/pxegrub', bytes: 0 });
    }
    expect(log.lines).toHaveLength(520);
    listener({ ...ofPost01, kind: 'stage', stage: 'menu', protocol: 'tftp' });
    expect(log.lines.at(-1)?.message).toBe('boot stage');
  });
});
