import { describe, expect, it } from 'vitest';
import { MachineList } from '../../src/machines/machine-list.ts';
import type { MachineQuery } from '../../src/machines/machine-list.ts';
import type { MachineBootState } from '../../src/machines/machine-view.ts';
import type { ObjectDocument } from '../../src/machines/object-store.ts';
import type { UnknownClient } from '../../src/model/unknown-client.ts';
import { bookOf, dom0, installer, lab, machineDocument, macOf, workedMs } from './book-rig.ts';

function boot(state: MachineBootState['state'], openedMs: number): MachineBootState {
  return { state, reason: `because ${state}`, sinceMs: openedMs + 1, openedMs, attempt: `a${openedMs}` };
}

async function rig(
  documents: readonly ObjectDocument[],
  boots: Readonly<Record<string, MachineBootState>> = {},
  clients: readonly UnknownClient[] = [],
) {
  const { book } = await bookOf(lab, dom0, installer, ...documents);
  const unknown = { list: () => clients, find: (name: string) => clients.find(({ mac }) => mac === name.replaceAll('-', ':')) };
  const list = new MachineList({ book, boots: { stateOf: (name) => boots[name] }, unknown });
  const page = (query: Partial<MachineQuery> = {}) => {
    const found = list.page({ limit: 50, ...query });
    if (found.kind !== 'page') throw new Error('a page was expected');
    return found;
  };
  const names = (query: Partial<MachineQuery> = {}): string[] => page(query).items.map(({ name }) => name);
  return { book, list, page, names };
}

const stranger: UnknownClient = {
  mac: macOf(200),
  uuid: '4c4c4544-0042-3510-8052-b4c04f4d3632',
  arch: 'bios',
  subnet: 'lab',
  address: '192.168.7.7',
  firstSeenMs: 1_000,
  lastSeenMs: 9_000,
  timesSeen: 3,
};

describe('the state of a machine', () => {
  it.each([
    [{}, undefined, 'unassigned', 'has no profile: see virtdom machine assign post01'],
    [{ profile: 'dom0' }, undefined, 'new', 'was never seen to boot'],
    [{ profile: 'dom0' }, boot('stuck', 5), 'stuck', 'because stuck'],
    [{ profile: 'dom0' }, boot('handed-over', 5), 'handed-over', 'because handed-over'],
    [{}, boot('up', 5), 'up', 'because up'],
    [{}, boot('waiting', 5), 'pending', 'because waiting'],
    [{ profile: 'dom0', ignored: true }, boot('up', 5), 'ignored', 'set to be ignored; last changed by before'],
    [{ colour: 'red' }, undefined, 'failed', 'its document cannot be read by this version of virtdom: edit or remove it'],
  ])('of %j with boot %j is %s: %s', async (fields, state, expected, reason) => {
    const { list } = await rig([machineDocument(1, fields)], state === undefined ? {} : { post01: state });
    expect(list.find('post01')).toMatchObject({ state: expected, reason, known: true });
  });

  it('of an unknown client is pending, with all that is known of it', async () => {
    const { list, names } = await rig([machineDocument(1)], {}, [stranger]);
    expect(names()).toEqual(['52-54-00-00-00-c8', 'post01']);
    expect(list.find('52-54-00-00-00-c8')).toEqual({
      name: '52-54-00-00-00-c8',
      known: false,
      state: 'pending',
      reason: 'no machine of ours; waits for an assignment',
      sinceMs: 1_000,
      nics: [{ mac: stranger.mac }],
      address: '192.168.7.7',
      ignored: false,
      labels: {},
      uuid: stranger.uuid,
      arch: 'bios',
      subnet: 'lab',
      lastBootMs: 9_000,
      firstSeenMs: 1_000,
      lastSeenMs: 9_000,
      timesSeen: 3,
    });
    expect(list.find('post99')).toBeUndefined();
  });

  it('shows the boot that waits for it', async () => {
    const { list, book } = await rig([machineDocument(1, { profile: 'dom0' })]);
    await book.requestOneShot('post01', 'installer', 'anna');
    expect(list.find('post01')?.bootOnce).toMatchObject({ profile: 'installer', requestedBy: 'anna' });
  });

  it('is counted', async () => {
    const { list } = await rig([machineDocument(1), machineDocument(2)], { post01: boot('up', 1) }, [stranger]);
    expect(list.counts()).toMatchObject({ up: 1, unassigned: 1, pending: 1, stuck: 0 });
  });
});

describe('a page of machines', () => {
  const documents = [
    machineDocument(10, { profile: 'dom0', role: 'worker', labels: { rack: 'A1' } }),
    machineDocument(2, { profile: 'dom0', role: 'gateway', labels: { rack: 'a2' } }),
    machineDocument(9, { name: 'post9', profile: 'installer' }),
  ];
  const boots = { post10: boot('stuck', 300), post02: boot('up', 100) };

  it.each([
    [{}, ['52-54-00-00-00-c8', 'post02', 'post9', 'post10']],
    [{ states: ['stuck', 'up'] as const }, ['post02', 'post10']],
    [{ role: 'worker' }, ['post10']],
    [{ profile: 'installer' }, ['post9']],
    [{ labels: { rack: 'a2' } }, ['post02']],
    [{ subnet: 'lab' }, ['52-54-00-00-00-c8', 'post02', 'post9', 'post10']],
    [{ subnet: 'gone' }, []],
    [{ q: 'RACK=a1' }, ['post10']],
    [{ q: '52-54-00-00-00-0A' }, ['post10']],
    [{ q: '192.168.7' }, ['52-54-00-00-00-c8']],
    [{ q: 'gate' }, ['post02']],
    [{ q: 'nothing' }, []],
    [{ sort: '-name' as const }, ['post10', 'post9', 'post02', '52-54-00-00-00-c8']],
    [{ sort: '-lastBootAt' as const }, ['52-54-00-00-00-c8', 'post10', 'post02', 'post9']],
    [{ sort: 'state' as const }, ['52-54-00-00-00-c8', 'post9', 'post02', 'post10']],
    [{ sort: 'since' as const, states: ['up', 'stuck'] as const }, ['post02', 'post10']],
  ])('by %j has %j', async (query, expected) => {
    const { names } = await rig(documents, boots, [stranger]);
    expect(names(query)).toEqual(expected);
  });

  it('goes on where the last one ended, whatever came or went meanwhile', async () => {
    const { page, book } = await rig(Array.from({ length: 10 }, (_, index) => machineDocument(index + 1)));
    const first = page({ limit: 4, total: true });
    expect(first).toMatchObject({ total: 10 });
    const gone = (['post02', 'post04'] as const).map((name) => ({ kind: 'Machine' as const, name, revision: 1 }));
    await book.commit(gone, { author: 'anna' });
    await book.commit([{ kind: 'Machine', name: 'post00', revision: 0, document: machineDocument(0) }], { author: 'anna' });
    const second = page({ limit: 4, cursor: first.nextCursor ?? '' });
    expect(second.items.map(({ name }) => name)).toEqual(['post05', 'post06', 'post07', 'post08']);
    const third = page({ limit: 4, cursor: second.nextCursor ?? '' });
    expect(third.items.map(({ name }) => name)).toEqual(['post09', 'post10']);
    expect(third).not.toHaveProperty('nextCursor');
    expect(third).not.toHaveProperty('total');
  });

  it.each(['', 'x', Buffer.from('[]').toString('base64url'), Buffer.from('["name",1]').toString('base64url')])(
    'does not take the cursor %j',
    async (cursor) => {
      const { list } = await rig(documents);
      expect(list.page({ limit: 4, cursor })).toEqual({ kind: 'bad-cursor' });
    },
  );

  it('does not take the cursor of another order', async () => {
    const { list, page } = await rig(documents);
    const cursor = page({ limit: 1 }).nextCursor ?? '';
    expect(list.page({ limit: 1, sort: '-name', cursor })).toEqual({ kind: 'bad-cursor' });
  });

  it('of ten thousand takes milliseconds', { timeout: 60_000 }, async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => machineDocument(index + 1, { profile: 'dom0' }));
    const { page } = await rig(many, { post5000: boot('stuck', 1) });
    const pagesMs = Array.from({ length: 10 }, () => {
      const startMs = workedMs();
      page({ q: 'post5', sort: '-lastBootAt', total: true });
      return workedMs() - startMs;
    });
    expect(page({ q: 'post5', sort: '-lastBootAt' }).items[0]?.name).toBe('post5000');
    expect(Math.min(...pagesMs)).toBeLessThan(20);
  });
});
