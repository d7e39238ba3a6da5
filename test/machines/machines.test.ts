import { describe, expect, it } from 'vitest';
import { Machines } from '../../src/machines/machines.ts';
import type { ObjectDocument } from '../../src/machines/object-store.ts';
import type { UnknownClient } from '../../src/model/unknown-client.ts';
import { bookOf, dom0, installer, lab, machineDocument, macOf } from './book-rig.ts';

const by = { author: 'anna' };

function client(number: number, more: Partial<UnknownClient> = {}): UnknownClient {
  return { mac: macOf(number), subnet: 'lab', firstSeenMs: 1, lastSeenMs: 2, timesSeen: 1, ...more };
}

async function rig(documents: readonly ObjectDocument[] = [], clients: readonly UnknownClient[] = []) {
  const { book, store } = await bookOf(lab, dom0, installer, ...documents);
  const removed: string[] = [];
  const leases = {
    removeLeases: (macs: readonly string[]) => {
      removed.push(...macs);
      return Promise.resolve(macs.length);
    },
  };
  const find = (name: string) => clients.find(({ mac }) => mac === name.replaceAll('-', ':'));
  const documentOf = (name: string) => book.current.find('Machine', name)?.document;
  return { book, store, removed, documentOf, machines: new Machines({ book, unknown: { find }, leases }) };
}

describe('enrolling', () => {
  it('makes a machine once; the name of another one is a conflict', async () => {
    const { machines } = await rig();
    const { kind: _, ...fields } = machineDocument(1);
    expect(await machines.enrol([fields], by)).toMatchObject({ ok: true, written: true, items: [{ name: 'post01', outcome: 'done' }] });
    expect(await machines.enrol([fields], by)).toMatchObject({
      ok: false,
      written: false,
      items: [{ name: 'post01', outcome: 'conflict', conflict: { revision: 1, updatedBy: 'anna' } }],
    });
  });

  it('of many takes those that are right and says what is wrong with the others', async () => {
    const { machines, book } = await rig([machineDocument(1)]);
    const twins = [machineDocument(4), machineDocument(5, { nics: machineDocument(4)['nics'] })];
    const outcome = await machines.enrol([machineDocument(1), machineDocument(2, { profile: 'gone' }), machineDocument(3), ...twins], by);
    expect(outcome.items.map(({ name, outcome: what }) => [name, what])).toEqual([
      ['post01', 'conflict'],
      ['post02', 'invalid'],
      ['post03', 'done'],
      ['post04', 'done'],
      ['post05', 'invalid'],
    ]);
    expect(outcome.items[1]?.problems).toMatchObject([{ pointer: '/profile' }]);
    expect(book.current.machines.map(({ name }) => name)).toEqual(['post01', 'post03', 'post04']);
  });

  it('of two machines with one name blames the second', async () => {
    const { machines } = await rig();
    const outcome = await machines.enrol([machineDocument(1), machineDocument(2, { name: 'post01' })], by);
    expect(outcome.items).toMatchObject([{ outcome: 'done' }, { outcome: 'invalid', problems: [{ pointer: '/name' }] }]);
  });

  it('of all or none writes none where one is wrong', async () => {
    const { machines, book, store } = await rig();
    const outcome = await machines.enrol([machineDocument(1), machineDocument(2, { profile: 'gone' })], { ...by, atomic: true });
    expect(outcome).toMatchObject({ ok: false, written: false, items: [{ outcome: 'held-back' }, { outcome: 'invalid' }] });
    expect(book.current.machines).toHaveLength(0);
    expect(store.commits).toBe(0);
  });
});

describe('editing', () => {
  it('lays a merge patch over the document (RFC 7396), and writes nothing where nothing changes', async () => {
    const { machines, documentOf, store } = await rig([machineDocument(1, { labels: { rack: 'a1', row: '2' } })]);
    const patch = { labels: { rack: null, row: '3' }, role: 'worker' };
    expect(await machines.edit('post01', patch, by)).toMatchObject({ ok: true, items: [{ outcome: 'done', object: { revision: 2 } }] });
    expect(documentOf('post01')).toEqual(machineDocument(1, { labels: { row: '3' }, role: 'worker' }));
    expect(await machines.edit('post01', patch, by)).toMatchObject({ ok: true, written: false, items: [{ outcome: 'unchanged' }] });
    expect(store.commits).toBe(1);
  });

  it('of a stale revision is a conflict, even where nothing would change', async () => {
    const { machines } = await rig([machineDocument(1)]);
    await machines.edit('post01', { role: 'worker' }, by);
    expect(await machines.edit('post01', { role: 'worker' }, { ...by, revision: 1 })).toMatchObject({ items: [{ outcome: 'conflict' }] });
  });

  it('of a machine that is not there says so', async () => {
    const { machines } = await rig();
    expect(await machines.edit('post01', {}, by)).toMatchObject({ ok: false, items: [{ outcome: 'not-found' }] });
  });

  it('can rename a machine with all that it has', async () => {
    const { machines, documentOf } = await rig([machineDocument(1, { profile: 'dom0' })]);
    expect(await machines.edit('post01', { name: 'gate' }, by)).toMatchObject({
      ok: true,
      items: [{ name: 'post01', object: { name: 'gate' } }],
    });
    expect(documentOf('post01')).toBeUndefined();
    expect(documentOf('gate')).toEqual({ ...machineDocument(1, { profile: 'dom0' }), name: 'gate' });
  });

  it('keeps its name while a boot waits for it under that name', async () => {
    const { machines } = await rig([machineDocument(1)]);
    await machines.bootOnce({ names: ['post01'] }, 'installer', by);
    expect(await machines.edit('post01', { name: 'gate' }, by)).toMatchObject({
      items: [{ outcome: 'invalid', problems: [{ pointer: '/name' }] }],
    });
  });

  it.each([
    [{ name: null }, '/name'],
    [{ kind: 'Subnet' }, '/kind'],
    [{ nics: [] }, '/nics'],
    [{ colour: 'red' }, '/colour'],
  ])('refuses %j at %s', async (patch, pointer) => {
    const { machines } = await rig([machineDocument(1)]);
    expect(await machines.edit('post01', patch, by)).toMatchObject({ items: [{ outcome: 'invalid', problems: [{ pointer }] }] });
  });
});

describe('assigning', () => {
  it('gives profile, role and labels to machines by hostlist, all in one commit', async () => {
    const { machines, documentOf, store } = await rig([machineDocument(1, { labels: { rack: 'a1' } }), machineDocument(2)]);
    const outcome = await machines.assign({ hostlist: 'post[01-03]' }, { profile: 'dom0', role: 'worker', labels: { row: '1' } }, by);
    expect(outcome).toMatchObject({
      kind: 'items',
      ok: false,
      written: true,
      items: [{ outcome: 'done' }, { outcome: 'done' }, { name: 'post03', outcome: 'not-found' }],
    });
    expect(documentOf('post01')).toEqual(machineDocument(1, { labels: { rack: 'a1', row: '1' }, profile: 'dom0', role: 'worker' }));
    expect(store.commits).toBe(1);
  });

  it('makes machines of unknown clients, with the names of a hostlist in their order', async () => {
    const uuid = '4c4c4544-0042-3510-8052-b4c04f4d3632';
    const { machines, documentOf } = await rig([], [client(7, { uuid }), client(8)]);
    const names = [macOf(8).replaceAll(':', '-'), macOf(7)];
    const outcome = await machines.assign({ names }, { profile: 'dom0', name: 'post[07-08]' }, by);
    expect(outcome).toMatchObject({ ok: true, items: [{ object: { name: 'post07' } }, { object: { name: 'post08' } }] });
    expect(documentOf('post08')).toEqual({ kind: 'Machine', name: 'post08', nics: [{ mac: macOf(7) }], uuid, profile: 'dom0' });
  });

  it('keeps the MAC as name where none is given, and reserves an address', async () => {
    const { machines, documentOf } = await rig([], [client(7)]);
    await machines.assign({ names: [macOf(7)] }, { profile: 'dom0', address: '192.168.9.9' }, by);
    const nics = [{ mac: macOf(7), address: '192.168.9.9' }];
    expect(documentOf('52-54-00-00-00-07')).toEqual({ kind: 'Machine', name: '52-54-00-00-00-07', nics, profile: 'dom0' });
  });

  it.each([
    [['post01'], { name: 'gate' }, 'expected no name: machines have theirs, and only unknown clients get one'],
    [[macOf(7), macOf(8)], { name: 'gate' }, 'expected a name for each of 2 unknown clients, gate gives 1'],
    [[macOf(7), 'post01'], { address: '192.168.9.9' }, 'expected no address where more than one machine is assigned'],
    [[macOf(7)], { name: 'gate[' }, 'expected ] after ['],
    [[macOf(7)], { name: 'Gate' }, 'expected a name of lower-case letters, digits, dots and dashes, at most 63, found "Gate"'],
  ])('%j with %j is refused: %s', async (names, assignment, detail) => {
    const { machines, store } = await rig([machineDocument(1)], [client(7), client(8)]);
    const outcome = await machines.assign({ names }, assignment, by);
    expect(outcome.kind === 'items' && outcome.items[0]).toMatchObject({ outcome: 'invalid', problems: [{ detail }] });
    expect(store.commits).toBe(0);
  });

  it('with a name for a client that nobody has seen says that, and not that machines have names', async () => {
    const { machines } = await rig([machineDocument(1)], []);
    const outcome = await machines.assign({ names: ['52-54-00-00-00-07'] }, { name: 'post07', profile: 'dom0' }, by);
    expect(outcome).toMatchObject({ written: false, items: [{ outcome: 'not-found' }] });
  });

  it('of all or none assigns none where one is missing', async () => {
    const { machines, store } = await rig([machineDocument(1)]);
    const outcome = await machines.assign({ hostlist: 'post[01-02]' }, { role: 'worker' }, { ...by, atomic: true });
    expect(outcome).toMatchObject({ ok: false, written: false, items: [{ outcome: 'held-back' }, { outcome: 'not-found' }] });
    expect(store.commits).toBe(0);
  });

  it('for show says the same and changes nothing', async () => {
    const { machines, documentOf } = await rig([machineDocument(1)], [client(7)]);
    const outcome = await machines.assign({ names: ['post01', macOf(7)] }, { profile: 'dom0' }, { ...by, dryRun: true });
    expect(outcome).toMatchObject({
      ok: true,
      written: false,
      items: [{ outcome: 'done', object: { revision: 2 } }, { object: { revision: 1 } }],
    });
    expect(documentOf('post01')).toEqual(machineDocument(1));
  });
});

describe('a selection', () => {
  const documents = [machineDocument(1, { labels: { rack: 'a1' } }), machineDocument(2, { labels: { rack: 'a2' } }), machineDocument(3)];

  it.each([
    [{ all: true }, ['post01', 'post02', 'post03']],
    [{ labels: { rack: 'a1' } }, ['post01']],
    [{ hostlist: 'post[01-02]', labels: { rack: 'a2' } }, ['post02']],
    [{ names: ['post03'], hostlist: 'post[03,01]' }, ['post03', 'post01']],
  ])('%j is %j', async (selection, names) => {
    const { machines } = await rig(documents);
    const outcome = await machines.ignore(selection, true, by);
    expect(outcome.kind === 'items' && outcome.items.map(({ name }) => name)).toEqual(names);
  });

  it.each([
    [{}, '', 'expected names, a hostlist, labels or all: true; nothing is chosen'],
    [{ hostlist: 'post[1' }, '/hostlist', 'expected ] after [1'],
  ])('%j is refused', async (selection, pointer, detail) => {
    const { machines } = await rig(documents);
    expect(await machines.ignore(selection, true, by)).toEqual({ kind: 'invalid', pointer, detail });
  });
});

describe('releasing, ignoring and removing', () => {
  it('releases profile and role, and keeps the rest', async () => {
    const { machines, documentOf } = await rig([machineDocument(1, { profile: 'dom0', role: 'worker', labels: { rack: 'a1' } })]);
    expect(await machines.release({ names: ['post01'] }, by)).toMatchObject({ ok: true });
    expect(documentOf('post01')).toEqual(machineDocument(1, { labels: { rack: 'a1' } }));
    expect(await machines.release({ names: ['post01'] }, by)).toMatchObject({ items: [{ outcome: 'unchanged' }] });
  });

  it('ignores an unknown client by making it a machine, and hears a machine again', async () => {
    const { machines, documentOf } = await rig([machineDocument(1, { ignored: true })], [client(7)]);
    await machines.ignore({ names: [macOf(7)] }, true, by);
    await machines.ignore({ names: ['post01'] }, false, by);
    expect(documentOf('52-54-00-00-00-07')).toMatchObject({ ignored: true });
    expect(documentOf('post01')).toEqual(machineDocument(1));
  });

  it('removes a machine with the leases of all its NICs', async () => {
    const nics = [{ mac: macOf(1) }, { mac: macOf(100) }];
    const { machines, removed, documentOf } = await rig([machineDocument(1, { nics }), machineDocument(2)]);
    await machines.remove({ names: ['post01'] }, { ...by, dryRun: true });
    expect(removed).toEqual([]);
    expect(await machines.remove({ names: ['post01', 'gone'] }, by)).toMatchObject({
      items: [{ outcome: 'done' }, { outcome: 'not-found' }],
    });
    expect(removed).toEqual([macOf(1), macOf(100)]);
    expect(documentOf('post01')).toBeUndefined();
  });

  it('removes no machine that somebody has changed meanwhile', async () => {
    const { machines, removed } = await rig([machineDocument(1)]);
    await machines.edit('post01', { role: 'worker' }, by);
    expect(await machines.remove({ names: ['post01'] }, { ...by, revision: 1 })).toMatchObject({ items: [{ outcome: 'conflict' }] });
    expect(removed).toEqual([]);
  });

  it('attaches the NIC of an unknown client to a machine that exists', async () => {
    const { machines, documentOf } = await rig([machineDocument(1)], [client(7)]);
    expect(await machines.attach('post01', { mac: macOf(7) }, by)).toMatchObject({ ok: true });
    expect(documentOf('post01')?.['nics']).toEqual([...(machineDocument(1)['nics'] as object[]), { mac: macOf(7) }]);
    expect(await machines.attach('post01', { mac: macOf(7) }, by)).toMatchObject({ items: [{ outcome: 'invalid' }] });
  });
});

describe('one boot by another profile', () => {
  it('is requested for many, and taken back', async () => {
    const { machines, book } = await rig([machineDocument(1), machineDocument(2)]);
    expect(await machines.bootOnce({ hostlist: 'post[01-03]' }, 'installer', by)).toMatchObject({
      kind: 'items',
      ok: false,
      written: true,
      items: [{ outcome: 'done' }, { outcome: 'done' }, { outcome: 'not-found' }],
    });
    expect(book.current.oneShots.get('post01')).toMatchObject({ profile: 'installer', requestedBy: 'anna' });
    expect(await machines.cancelBootOnce({ all: true }, { ...by, dryRun: true })).toMatchObject({
      written: false,
      items: [{ outcome: 'done' }, { outcome: 'done' }],
    });
    expect(await machines.cancelBootOnce({ names: ['post01'] }, by)).toMatchObject({ items: [{ outcome: 'done' }] });
    expect(await machines.cancelBootOnce({ names: ['post01', 'gone'] }, by)).toMatchObject({
      items: [{ outcome: 'unchanged' }, { outcome: 'not-found' }],
    });
    expect([...book.current.oneShots.keys()]).toEqual(['post02']);
  });

  it('of many is told once, asked for and taken back', async () => {
    const { machines, book } = await rig(Array.from({ length: 50 }, (_, index) => machineDocument(index)));
    let told = 0;
    book.subscribe(() => told++);
    await machines.bootOnce({ all: true }, 'installer', by);
    await machines.cancelBootOnce({ all: true }, by);
    expect(told).toBe(2);
  });

  it('of all or none is requested for none where one is missing', async () => {
    const { machines, book } = await rig([machineDocument(1)]);
    const outcome = await machines.bootOnce({ names: ['post01', 'gone'] }, 'installer', { ...by, atomic: true });
    expect(outcome).toMatchObject({ ok: false, written: false, items: [{ outcome: 'held-back' }, { outcome: 'not-found' }] });
    expect(book.current.oneShots.size).toBe(0);
  });

  it('by a profile that there is not is refused, for show as well', async () => {
    const { machines } = await rig([machineDocument(1)]);
    const refused = { ok: false, written: false, items: [{ outcome: 'invalid' }] };
    expect(await machines.bootOnce({ all: true }, 'gone', by)).toMatchObject(refused);
    expect(await machines.bootOnce({ all: true }, 'gone', { ...by, dryRun: true })).toMatchObject(refused);
  });
});
