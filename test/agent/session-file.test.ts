import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSession, waitForSession } from '../../src/agent/session-file.ts';
import { HeldClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { settle } from './fake-dom0.ts';
import { scratchFolder } from './scratch.ts';

const session = {
  machine: 'post01',
  boot: 17,
  server: 'http://192.168.0.5:8080',
  bus: { url: 'mqtts://192.168.0.5:8883', username: 'post01/17', password: 'very-secret', psk: true },
};

describe('the answer to the hello', () => {
  it('is waited for, and read', async () => {
    const clock = new HeldClock();
    const file = join(scratchFolder(), 'session.json');
    let read: unknown;
    const waiting = waitForSession(file, clock, silentLog).then((found) => (read = found));
    for (let second = 0; second < 3; second++) {
      await settle();
      clock.advance(2000);
    }
    expect(read).toBeUndefined();
    // As the hello does it: a reader sees none or all of it.
    writeFileSync(`${file}.new`, JSON.stringify(session));
    renameSync(`${file}.new`, file);
    clock.advance(2000);
    await settle();
    clock.advance(2000);
    expect(await waiting).toEqual(session);
  });

  const wrong = [
    { name: 'no JSON', text: '{"machine": "post01", "very-secret' },
    { name: 'no boot', text: JSON.stringify({ ...session, boot: 'very-secret' }) },
    { name: 'another bus', text: JSON.stringify({ ...session, bus: { ...session.bus, url: 'http://very-secret' } }) },
  ];
  it.each(wrong)('with $name is refused, and its secret not told', ({ text }) => {
    const said = (): string => {
      try {
        parseSession(text);
        return 'nothing';
      } catch (error) {
        return error instanceof Error ? error.message : 'nothing';
      }
    };
    expect(said()).toMatch(/^the answer to the hello is no (JSON|session)/);
    expect(said()).not.toContain('very-secret');
  });
});
