import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentSession } from '../src/agent-session.ts';
import { credential } from '../src/bus/credential.ts';
import type { BusSettings } from '../src/config.ts';

const key = Buffer.alloc(32, 1);
const own: BusSettings = { port: 8883, address: '0.0.0.0', agents: {} };
const boot = { machine: 'post01.lab', boot: 17, attempt: 'a', redeemedMs: 0 };
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtdom-session-'));
  for (const [name, text] of Object.entries({ 'post01.lab': 'secret\n', ca: 'PEM', empty: '' }))
    writeFileSync(join(folder, name), text, { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const sessionOf = (bus: BusSettings): unknown => JSON.parse(agentSession({ bus, key }, boot, 'http://192.168.0.5:8080'));

describe('what an agent is told of the bus', () => {
  it('is our own broker where the machine booted from, and the key of this boot', () => {
    expect(sessionOf(own)).toEqual({
      machine: 'post01.lab',
      boot: 17,
      server: 'http://192.168.0.5:8080',
      bus: { url: 'mqtts://192.168.0.5:8883', username: 'post01.lab/17', password: credential(key, 'post01.lab/17'), psk: true },
    });
  });

  it('is another broker, with a user name, a password and the certificates of its own', () => {
    const bus = { ...own, url: 'mqtts://bus.lab:1', ca: join(folder, 'ca'), agents: { passwordFile: join(folder, '{machine}') } };
    expect(sessionOf(bus)).toMatchObject({ bus: { url: 'mqtts://bus.lab:1', username: 'post01~lab', password: 'secret', ca: 'PEM' } });
  });

  it('is that broker by another name, where agents reach it by one', () => {
    expect(sessionOf({ ...own, url: 'mqtt://a', agents: { url: 'mqtt://b', username: 'dom0' } })).toMatchObject({
      bus: { url: 'mqtt://b', username: 'dom0', password: credential(key, 'post01.lab/17') },
    });
  });

  it('holds no password that others may read, and no empty one', () => {
    chmodSync(join(folder, 'post01.lab'), 0o644);
    const of = (file: string): BusSettings => ({ ...own, url: 'mqtt://a', agents: { passwordFile: join(folder, file) } });
    expect(() => sessionOf(of('{machine}'))).toThrow(/others may read/);
    expect(() => sessionOf(of('empty'))).toThrow(/is empty/);
  });
});
