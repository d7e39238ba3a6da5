import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import { applyDocuments } from '../../src/machines/apply.ts';
import { Machines } from '../../src/machines/machines.ts';
import { ObjectBook } from '../../src/machines/object-book.ts';
import { UnknownClients } from '../../src/machines/unknown-clients.ts';
import { openStore } from '../../src/store/store.ts';
import { dom0, installer, lab, machineDocument, macOf } from './book-rig.ts';

const author = 'anna';
const endings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

/** All over one SQLite file, as the service has it. */
async function open(database: string) {
  const log = new CapturedLog();
  const store = await openStore({ database, serverId: 'here', log });
  const book = await ObjectBook.open({ store: store.objects, clock: systemClock, log });
  const unknown = await UnknownClients.open({ store: store.unknownClients, book, clock: systemClock, log });
  const machines = new Machines({ book, unknown, leases: { removeLeases: () => Promise.resolve(0) } });
  const close = async (): Promise<void> => {
    await unknown.close();
    await book.close();
    await store.close();
  };
  endings.push(close);
  return { book, unknown, machines, log, close };
}

function databaseFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'virtdom-objects-'));
  endings.push(() => Promise.resolve(rmSync(folder, { recursive: true })));
  return join(folder, 'virtdom.db');
}

/** Threads start and end a few times. */
const timeout = 30_000;

describe('objects over a database', () => {
  it('may trade MACs, take new names and leave, and are the same after a restart', { timeout }, async () => {
    const database = databaseFile();
    const { book, machines, log, close } = await open(database);
    const [first, second] = [machineDocument(1), machineDocument(2)];
    await applyDocuments(book, [lab, dom0, installer, first, second, machineDocument(3)], { author });
    const trade = [
      { ...first, nics: second['nics'] },
      { ...second, nics: first['nics'] },
    ];
    expect(await applyDocuments(book, trade, { author })).toMatchObject({ kind: 'done', written: true });
    await machines.bootOnce({ names: ['post03'] }, 'installer', { author });
    expect(await machines.edit('post01', { name: 'gate', role: 'gateway' }, { author })).toMatchObject({ ok: true });
    expect(await machines.remove({ names: ['post03'] }, { author })).toMatchObject({ ok: true });
    expect(await machines.enrol([machineDocument(4, { nics: machineDocument(3)['nics'] })], { author })).toMatchObject({ ok: true });
    const before = book.current;
    await close();
    const again = await open(database);
    expect(again.book.current.machines.map(({ name }) => name).sort()).toEqual(['gate', 'post02', 'post04']);
    for (const kind of ['Subnet', 'Profile', 'Machine'] as const)
      for (const stored of before.list(kind)) expect(again.book.current.find(kind, stored.name)).toEqual(stored);
    expect(again.book.current.oneShots.size).toBe(0);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('remember clients until they are enrolled', { timeout }, async () => {
    const database = databaseFile();
    const { book, unknown, close } = await open(database);
    await applyDocuments(book, [lab, dom0], { author });
    unknown.seen({ mac: macOf(7), arch: 'bios' }, { name: 'lab' }, 1_000);
    unknown.seen({ mac: macOf(8) }, { name: 'lab' }, 2_000);
    await close();
    const again = await open(database);
    expect(again.unknown.list().map(({ mac }) => mac)).toEqual([macOf(7), macOf(8)]);
    const assigned = await again.machines.assign({ names: [macOf(7)] }, { name: 'post07', profile: 'dom0' }, { author });
    expect(assigned).toMatchObject({ ok: true });
    await again.close();
    const last = await open(database);
    expect(last.unknown.list().map(({ mac }) => mac)).toEqual([macOf(8)]);
    expect(last.book.current.machines).toMatchObject([{ name: 'post07', profile: 'dom0', nics: [{ mac: macOf(7) }] }]);
  });
});
