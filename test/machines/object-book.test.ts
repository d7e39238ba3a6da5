import { describe, expect, it, vi } from 'vitest';
import type { ObjectBook } from '../../src/machines/object-book.ts';
import type { ObjectDocument } from '../../src/machines/object-store.ts';
import { bookOf, dom0, installer, lab, machineDocument, macOf, workedMs } from './book-rig.ts';

const author = 'anna';

const put = (document: ObjectDocument, revision = 0) => ({ kind: document.kind, name: document.name, revision, document });
const remove = (kind: ObjectDocument['kind'], name: string, revision = 1) => ({ kind, name, revision });

async function problemsOf(book: ObjectBook, ...changes: Parameters<ObjectBook['commit']>[0] & object[]) {
  const outcome = await book.commit(changes, { author });
  return outcome.kind === 'invalid'
    ? outcome.problems.map(({ kind, name, pointer, detail }) => [`${kind} ${name}`, pointer, detail])
    : outcome;
}

describe('a commit', () => {
  it('is written once, counted up, and told to who subscribed', async () => {
    const { book, store } = await bookOf(lab, dom0);
    const seen: string[][] = [];
    book.subscribe((snapshot) => seen.push(snapshot.machines.map(({ name }) => name)));
    const outcome = await book.commit([put(machineDocument(1)), put(machineDocument(2))], { author });
    expect(outcome).toMatchObject({
      kind: 'done',
      written: true,
      objects: [{ name: 'post01', revision: 1, updatedBy: author }, { name: 'post02' }],
    });
    expect(seen).toEqual([['post01', 'post02']]);
    expect(store.commits).toBe(1);
    expect(book.current.find('Machine', 'post01')).toMatchObject({ revision: 1, document: machineDocument(1) });
    expect(book.current.object('Machine', 'post01')).toMatchObject({ labels: {}, parameters: {} });
  });

  it('leaves the snapshots of before as they were', async () => {
    const { book } = await bookOf(lab, dom0, machineDocument(1));
    const before = book.current;
    await book.commit([remove('Machine', 'post01')], { author });
    expect(before.machines).toHaveLength(1);
    expect(book.current.machines).toHaveLength(0);
    expect(book.current.subnets).toBe(before.subnets);
  });

  it('for show answers the same and writes nothing', async () => {
    const { book, store } = await bookOf(lab, dom0);
    const before = book.current;
    const outcome = await book.commit([put(machineDocument(1))], { author, dryRun: true });
    expect(outcome).toMatchObject({ kind: 'done', written: false, objects: [{ name: 'post01', revision: 1, updatedBy: author }] });
    expect(store.commits).toBe(0);
    expect(book.current).toBe(before);
  });

  it('of a stale revision is a conflict that says who was quicker', async () => {
    const { book } = await bookOf(lab, dom0, machineDocument(1));
    await book.commit([put(machineDocument(1, { profile: 'dom0' }), 1)], { author: 'boris' });
    expect(await book.commit([put(machineDocument(1), 1)], { author })).toMatchObject({
      kind: 'conflict',
      conflicts: [{ kind: 'Machine', name: 'post01', revision: 2, updatedBy: 'boris' }],
    });
    expect(await book.commit([remove('Machine', 'post07')], { author })).toMatchObject({ kind: 'conflict', conflicts: [{ revision: 0 }] });
  });

  it('that finds another server quicker reads again; a plan is made anew', async () => {
    const { book, store, clock } = await bookOf(lab, dom0, machineDocument(1));
    const another = () => store.fromElsewhere([put(machineDocument(1, { role: 'worker' }), 1)], 'elsewhere', clock.now() + 5);
    store.meanwhile = another;
    expect(await book.commit([put(machineDocument(1), 1)], { author })).toMatchObject({ kind: 'conflict', conflicts: [{ revision: 2 }] });
    expect(book.current.find('Machine', 'post01')?.document['role']).toBe('worker');
    store.meanwhile = () => store.fromElsewhere([put(machineDocument(1, { role: 'gateway' }), 2)], 'elsewhere', clock.now() + 9);
    const outcome = await book.commit(
      (snapshot) => {
        const stored = snapshot.find('Machine', 'post01');
        return stored === undefined ? [] : [put({ ...stored.document, profile: 'dom0' }, stored.revision)];
      },
      { author },
    );
    expect(outcome).toMatchObject({ kind: 'done', objects: [{ revision: 4, document: { role: 'gateway', profile: 'dom0' } }] });
  });

  it('waits for the one before it', async () => {
    const { book } = await bookOf(lab, dom0);
    const first = book.commit([put(machineDocument(1))], { author });
    const second = book.commit([put(machineDocument(2, { nics: [{ mac: macOf(1) }] }))], { author });
    expect((await first).kind).toBe('done');
    expect(await second).toMatchObject({ kind: 'invalid', problems: [{ pointer: '/nics/0/mac' }] });
  });

  it('that the database refuses with an error leaves everything as it was, and the next one goes on', async () => {
    const { book, store } = await bookOf(lab, dom0);
    store.failure = new Error('disk full');
    await expect(book.commit([put(machineDocument(1))], { author })).rejects.toThrow('disk full');
    expect(book.current.machines).toHaveLength(0);
    store.failure = undefined;
    expect((await book.commit([put(machineDocument(1))], { author })).kind).toBe('done');
  });

  it('whose answer was lost is read again: it may be written', async () => {
    const { book, store, clock } = await bookOf(lab, dom0);
    store.meanwhile = () => {
      store.objects.set('Machine/post01', { ...stored, createdMs: clock.now(), updatedMs: clock.now() });
      store.failure = new Error('connection lost');
    };
    const stored = { kind: 'Machine', name: 'post01', revision: 1, document: machineDocument(1), updatedBy: author } as const;
    await expect(book.commit([put(machineDocument(1))], { author })).rejects.toThrow('connection lost');
    await vi.waitUntil(() => book.current.machines.length === 1);
  });

  it('survives a subscriber that throws', async () => {
    const { book, log } = await bookOf(lab, dom0);
    const told = vi.fn<() => void>();
    book.subscribe(() => {
      throw new Error('boom');
    });
    book.subscribe(told);
    expect((await book.commit([put(machineDocument(1))], { author })).kind).toBe('done');
    expect(told).toHaveBeenCalledTimes(1);
    expect(log.lines.map(({ level }) => level)).toEqual(['error']);
  });
});

describe('what a commit would break', () => {
  it('is told by pointers into the documents (RFC 6901), all at once', async () => {
    const { book } = await bookOf(lab, dom0, machineDocument(1));
    const wrong = machineDocument(2, { nics: [{ mac: macOf(1), address: '10.0.0.1' }], profile: 'dom1', 'a/b': 1 });
    expect(await problemsOf(book, put(wrong))).toEqual([
      ['Machine post02', '/a~1b', expect.stringContaining('unknown key') as string],
      ['Machine post02', '/profile', 'expected the name of a Profile, there is no dom1 (did you mean dom0?)'],
      ['Machine post02', '/nics/0/mac', `expected a MAC address of its own, ${macOf(1)} belongs to Machine post01`],
      ['Machine post02', '/nics/0/address', 'expected an address in one of the subnets, found 10.0.0.1'],
    ]);
  });

  it('is judged by what there would be: machines may trade their MACs at once', async () => {
    const { book } = await bookOf(lab, dom0, machineDocument(1), machineDocument(2));
    const [first, second] = [machineDocument(1), machineDocument(2)];
    const trade = [put({ ...first, nics: second['nics'] }, 1), put({ ...second, nics: first['nics'] }, 1)];
    expect((await book.commit(trade, { author })).kind).toBe('done');
    expect(await problemsOf(book, put(machineDocument(3, { nics: first['nics'] })))).toMatchObject([
      ['Machine post03', '/nics/0/mac', expect.stringContaining('belongs to Machine post02') as string],
      ['Machine post03', '/nics/0/address', expect.stringContaining('belongs to Machine post02') as string],
    ]);
  });

  it('gives MACs and addresses free with their machine', async () => {
    const { book } = await bookOf(lab, dom0, machineDocument(1));
    await book.commit([remove('Machine', 'post01')], { author });
    expect((await book.commit([put(machineDocument(2, { nics: machineDocument(1)['nics'] }))], { author })).kind).toBe('done');
  });

  it('names who still needs a profile', async () => {
    const machines = Array.from({ length: 7 }, (_, index) => machineDocument(index + 1, { profile: 'dom0' }));
    const { book } = await bookOf({ ...lab, unknown: 'profile:dom0' }, dom0, ...machines);
    expect(await problemsOf(book, remove('Profile', 'dom0'))).toEqual([
      [
        'Profile dom0',
        '',
        'in use by Subnet lab for unknown clients, Machine post01, Machine post02, Machine post03, Machine post04 and 3 more; give them another profile first',
      ],
    ]);
  });

  it('names the next boot that needs a profile', async () => {
    const { book } = await bookOf(lab, dom0, installer, machineDocument(1));
    await book.requestOneShot('post01', 'installer', author);
    expect(await problemsOf(book, remove('Profile', 'installer'))).toEqual([
      ['Profile installer', '', 'in use by the next boot of Machine post01; give them another profile first'],
    ]);
  });

  it('is a subnet that goes or shrinks away from its machines', async () => {
    const { book } = await bookOf(lab, dom0, machineDocument(1));
    expect(await problemsOf(book, remove('Subnet', 'lab'))).toEqual([
      ['Subnet lab', '', 'in use: it has 192.168.1.2 of Machine post01; give them other addresses or remove them first'],
    ]);
    expect(await problemsOf(book, put({ ...lab, cidr: '192.168.0.0/24' }, 1))).toEqual([
      ['Subnet lab', '/cidr', 'expected a network with 192.168.1.2 of Machine post01, found 192.168.0.0/24'],
    ]);
    expect(await problemsOf(book, put({ ...lab, router: '192.168.1.2' }, 1))).toEqual([
      ['Subnet lab', '/router', 'expected an address that is free, found 192.168.1.2 of Machine post01'],
    ]);
    expect((await book.commit([remove('Subnet', 'lab'), remove('Machine', 'post01')], { author })).kind).toBe('done');
  });

  it('is a subnet that overlaps one that is there', async () => {
    const { book } = await bookOf(lab);
    expect(await problemsOf(book, put({ ...lab, name: 'half', cidr: '192.168.128.0/17' }))).toEqual([
      ['Subnet half', '/cidr', 'expected a network of its own on eth1, 192.168.128.0/17 overlaps 192.168.0.0/16 of Subnet lab'],
    ]);
    expect((await book.commit([put({ ...lab, name: 'beside', interface: 'eth2' })], { author })).kind).toBe('done');
  });

  it.each([
    ['another name than its change', { kind: 'Machine', name: 'post01', revision: 0, document: machineDocument(2) }, '/name'],
    ['another kind', { kind: 'Machine', name: 'lab', revision: 0, document: lab }, '/kind'],
    ['more than 64 KiB', put(machineDocument(1, { parameters: { text: 'x'.repeat(70_000) } })), ''],
  ] as const)('is a document of %s', async (_, change, pointer) => {
    const { book } = await bookOf(lab);
    const outcome = await book.commit([change], { author });
    expect(outcome).toMatchObject({ kind: 'invalid', problems: expect.arrayContaining([expect.objectContaining({ pointer })]) as unknown });
  });

  it('is an object that is changed twice at once', async () => {
    const { book } = await bookOf(lab);
    const outcome = await book.commit([put(machineDocument(1)), put(machineDocument(1))], { author });
    expect(outcome).toMatchObject({ kind: 'invalid', problems: [{ name: 'post01', pointer: '/name' }] });
  });
});

describe('a one-shot boot', () => {
  it('takes the place of an earlier one, and is used up once', async () => {
    const { book, store } = await bookOf(lab, dom0, installer, machineDocument(1));
    await book.requestOneShot('post01', 'dom0', author);
    expect(await book.requestOneShot('post01', 'installer', author)).toMatchObject({
      kind: 'done',
      oneShot: { id: 'id-2', machine: 'post01', profile: 'installer', requestedBy: author },
    });
    expect(store.oneShots.size).toBe(1);
    book.oneShotUsed('id-1');
    expect(book.current.oneShots.get('post01')?.id).toBe('id-2');
    book.oneShotUsed('id-2');
    expect(book.current.oneShots.size).toBe(0);
  });

  it('of a machine or a profile that there is not is refused', async () => {
    const { book } = await bookOf(lab, dom0, machineDocument(1));
    expect(await book.requestOneShot('post02', 'dom0', author)).toEqual({ kind: 'not-found' });
    expect(await book.requestOneShot('post01', 'domu', author)).toMatchObject({ kind: 'invalid', problems: [{ name: 'post01' }] });
  });

  it('of a machine that another server removes meanwhile is not found', async () => {
    const { book, store, clock } = await bookOf(lab, dom0, machineDocument(1), machineDocument(2));
    store.beforeOneShot = (machine) => {
      if (machine === 'post01') store.fromElsewhere([remove('Machine', 'post01')], 'elsewhere', clock.now());
    };
    const outcomes = await book.requestOneShots(['post01', 'post02'], 'dom0', { author });
    expect(outcomes.map(({ kind }) => kind)).toEqual(['not-found', 'done']);
    expect([...book.current.oneShots.keys()]).toEqual(['post02']);
  });

  it('can be cancelled once, and goes with its machine', async () => {
    const { book, store } = await bookOf(lab, dom0, machineDocument(1));
    await book.requestOneShot('post01', 'dom0', author);
    expect(await book.cancelOneShot('post01')).toBe(true);
    expect(await book.cancelOneShot('post01')).toBe(false);
    await book.requestOneShot('post01', 'dom0', author);
    await book.commit([remove('Machine', 'post01')], { author });
    expect(book.current.oneShots.size).toBe(0);
    expect(store.oneShots.size).toBe(0);
  });
});

describe('a database that others change too', () => {
  it('is read again when it says so', async () => {
    const { book, store, clock } = await bookOf(lab, dom0, machineDocument(1));
    const [before] = book.current.machines;
    store.fromElsewhere([put(machineDocument(2))], 'elsewhere', clock.now() + 1);
    await vi.waitUntil(() => book.current.machines.length === 2);
    expect(book.current.machines[0]).toBe(before);
    expect(await problemsOf(book, put(machineDocument(3, { nics: [{ mac: macOf(2) }] })))).toMatchObject([
      ['Machine post03', '/nics/0/mac', expect.stringContaining('post02') as string],
    ]);
  });

  it('may hold what this version cannot read: told, and left alone', async () => {
    const { book, log } = await bookOf(lab, dom0, machineDocument(1, { colour: 'red' }));
    expect(book.current.machines).toHaveLength(0);
    expect(book.current.list('Machine')).toHaveLength(1);
    expect(log.lines).toMatchObject([{ level: 'error', fields: { object: 'Machine post01' } }]);
  });
});

describe('ten thousand machines', () => {
  it('do not make a commit of one slow, nor hold the thread when all change', { timeout: 60_000 }, async () => {
    const documents = Array.from({ length: 10_000 }, (_, index) => machineDocument(index + 1, { profile: 'dom0' }));
    const { book } = await bookOf(lab, dom0, ...documents);
    const commitsMs: number[] = [];
    for (let number = 5_000; number < 5_010; number++) {
      const startMs = workedMs();
      await book.commit([put({ ...machineDocument(number), role: 'worker' }, 1)], { author });
      commitsMs.push(workedMs() - startMs);
    }
    expect(Math.min(...commitsMs)).toBeLessThan(20);
    const slicesMs: number[] = [];
    let lastMs = workedMs();
    const pulse = setInterval(() => {
      slicesMs.push(workedMs() - lastMs);
      lastMs = workedMs();
    }, 1);
    const all = book.current.list('Machine').map(({ document, revision }) => put({ ...document, role: 'all' }, revision));
    expect((await book.commit(all, { author, dryRun: true })).kind).toBe('done');
    clearInterval(pulse);
    expect(slicesMs.length).toBeGreaterThan(10);
    expect(Math.max(...slicesMs)).toBeLessThan(100);
  });
});
