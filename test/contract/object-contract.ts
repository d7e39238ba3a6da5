import { describe, expect, it } from 'vitest';
import type { ObjectChange, ObjectDocument } from '../../src/machines/object-store.ts';
import type { OneShot } from '../../src/model/one-shot.ts';
import type { UnknownClient } from '../../src/model/unknown-client.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import { attempt } from './store-contract.ts';
import type { StoreUnderTest } from './store-contract.ts';

/** Of machine 7: `52:54:00:00:00:07`. */
function macOf(n: number): string {
  return `52:54:00:00:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
}

interface Wanted {
  readonly revision?: number;
  readonly nics?: readonly { readonly mac: string; readonly address?: string }[];
  readonly more?: Readonly<Record<string, unknown>>;
}

function machine(name: string, { revision = 0, nics, more }: Wanted = {}): ObjectChange {
  const document: ObjectDocument = { kind: 'Machine', name, nics: nics ?? [{ mac: macOf(Number(/\d+$/.exec(name)?.[0])) }], ...more };
  return { kind: 'Machine', name, revision, document };
}

function profile(name: string, revision = 0, parameters = {}): ObjectChange {
  return { kind: 'Profile', name, revision, document: { kind: 'Profile', name, parameters } };
}

const deletion = (name: string, revision: number): ObjectChange => ({ kind: 'Machine', name, revision });

function oneShot(id: string, ofMachine: string): OneShot {
  return { id, machine: ofMachine, profile: 'installer', requestedMs: atMs, requestedBy: odd.replace('\0', '') };
}

function client(n: number, more: Partial<UnknownClient> = {}): UnknownClient {
  return { mac: macOf(n), subnet: 'lab', firstSeenMs: atMs, lastSeenMs: atMs + n, timesSeen: 1, ...more };
}

/** Where objects, one-shot boots and clients that are no machines outlive the process. */
export function objectContract(make: () => Promise<StoreUnderTest>): void {
  describe('objects', () => {
    const store = new SharedStore(make);
    const objects = () => store.now.objects;
    const find = async (name: string) => (await objects().load()).objects.find((object) => object.name === name);

    it('are not there at first', async () => {
      expect(await objects().load()).toEqual({ objects: [], oneShots: [] });
    });

    it('are given back as they were written, keys in their order, with who and when', async () => {
      const document = {
        kind: 'Machine',
        name: 'm1',
        nics: [{ mac: '52-54-00-00-00-01', address: '10.0.0.1' }],
        labels: { zebra: odd, 10: 'x', ä: '' },
        parameters: { list: ['a', odd], number: 2 ** 40, half: 0.5, yes: true },
      } as const;
      const outcome = await objects().commit([{ kind: 'Machine', name: 'm1', revision: 0, document }], 'änna', atMs);
      const stored = { kind: 'Machine', name: 'm1', revision: 1, document, createdMs: atMs, updatedMs: atMs, updatedBy: 'änna' };
      expect(outcome).toEqual({ kind: 'done', objects: [stored] });
      await store.reopen();
      const loaded = await find('m1');
      expect(loaded).toEqual(stored);
      expect(JSON.stringify(loaded?.document)).toBe(JSON.stringify(document));
    });

    it('are returned in the order of the changes, but for those that are deleted', async () => {
      await objects().commit([machine('m10')], 'anna', atMs);
      const outcome = await objects().commit([profile('p11'), deletion('m10', 1), machine('m12'), profile('p10')], 'anna', atMs);
      expect(outcome).toMatchObject({ kind: 'done', objects: [{ name: 'p11' }, { name: 'm12' }, { name: 'p10' }] });
      expect(await find('m10')).toBeUndefined();
    });

    it('are replaced at their revision, which goes up by one; who made one and when stays', async () => {
      await objects().commit([profile('p20')], 'anna', atMs);
      const outcome = await objects().commit([profile('p20', 1, { x: 1 })], 'bert', atMs + 5);
      expect(outcome).toMatchObject({ objects: [{ revision: 2, createdMs: atMs, updatedMs: atMs + 5, updatedBy: 'bert' }] });
      expect(await find('p20')).toMatchObject({ revision: 2, document: { parameters: { x: 1 } }, createdMs: atMs });
    });

    it('of one name and two kinds are two objects', async () => {
      await objects().commit([profile('same30'), machine('same30')], 'anna', atMs);
      const all = (await objects().load()).objects.filter(({ name }) => name === 'same30');
      expect(all.map(({ kind }) => kind).sort()).toEqual(['Machine', 'Profile']);
    });

    it('are not written at another revision: the conflict says what stands there, by whom and since when', async () => {
      await objects().commit([profile('p40')], 'anna', atMs);
      await objects().commit([profile('p40', 1, { by: 'bert' })], 'bert', atMs + 1);
      const conflict = { kind: 'Profile', name: 'p40', revision: 2, updatedBy: 'bert', updatedMs: atMs + 1 };
      for (const revision of [0, 1, 3]) {
        expect(await objects().commit([profile('p40', revision)], 'carl', atMs + 2)).toEqual({ kind: 'conflict', conflicts: [conflict] });
      }
      expect(await objects().commit([{ kind: 'Profile', name: 'p40', revision: 1 }], 'carl', atMs)).toEqual({
        kind: 'conflict',
        conflicts: [conflict],
      });
      expect(await find('p40')).toMatchObject({ document: { parameters: { by: 'bert' } } });
    });

    it('that are gone conflict with a revision of 0', async () => {
      const conflicts = [
        { kind: 'Machine', name: 'm50', revision: 0 },
        { kind: 'Profile', name: 'p50', revision: 0 },
      ];
      expect(await objects().commit([deletion('m50', 3), profile('p50', 1)], 'anna', atMs)).toEqual({ kind: 'conflict', conflicts });
    });

    it('are all written or none: one conflict among many undoes the rest, and all conflicts are told', async () => {
      await objects().commit([profile('p60'), machine('m60')], 'anna', atMs);
      const changes = [machine('m61'), profile('p60', 7), deletion('m60', 1), machine('m60', { revision: 9 }), machine('m62')];
      const outcome = await objects().commit(changes.slice(0, 3), 'bert', atMs);
      expect(outcome).toMatchObject({ kind: 'conflict', conflicts: [{ name: 'p60', revision: 1 }] });
      expect(await find('m61')).toBeUndefined();
      expect(await find('m60')).toMatchObject({ revision: 1 });
      expect(await objects().commit([profile('p60', 7), machine('m60', { revision: 9 })], 'bert', atMs)).toMatchObject({
        conflicts: [{ name: 'p60' }, { name: 'm60' }],
      });
    });

    it('of a conflict spoil no commit beside it', async () => {
      await objects().commit([profile('p70')], 'anna', atMs);
      const outcomes = await Promise.all([
        objects().commit([machine('m70')], 'anna', atMs),
        objects().commit([machine('m71'), profile('p70')], 'bert', atMs),
        objects().commit([machine('m72')], 'carl', atMs),
      ]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'conflict', 'done']);
      expect(await find('m71')).toBeUndefined();
      expect(await find('m72')).toBeDefined();
    });

    it('that many change at once are changed by one of them, and the others hear by whom', async () => {
      await objects().commit([profile('p80')], 'anna', atMs);
      const authors = Array.from({ length: 10 }, (_, i) => `author${i}`);
      const outcomes = await Promise.all(authors.map((author, i) => objects().commit([profile('p80', 1, { i })], author, atMs + i)));
      expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(1);
      const winner = authors[outcomes.findIndex(({ kind }) => kind === 'done')];
      expect(outcomes.filter((outcome) => outcome.kind === 'conflict' && outcome.conflicts[0]?.updatedBy === winner)).toHaveLength(9);
      expect(await find('p80')).toMatchObject({ revision: 2, updatedBy: winner });
    });

    it('may be thousands in one commit', async () => {
      const many = Array.from({ length: 3000 }, (_, i) => machine(`many${i + 1000}`));
      expect(await objects().commit(many, 'anna', atMs)).toMatchObject({ kind: 'done' });
      const loaded = (await objects().load()).objects.filter(({ name }) => name.startsWith('many'));
      expect(loaded).toHaveLength(3000);
      const gone = many.map(({ name }) => deletion(name, 1));
      expect(await objects().commit(gone, 'anna', atMs)).toEqual({ kind: 'done', objects: [] });
      expect((await objects().load()).objects.filter(({ name }) => name.startsWith('many'))).toEqual([]);
    });

    it('are not changed twice by one commit', async () => {
      const twice = objects().commit([machine('m90'), machine('m90', { revision: 1 })], 'anna', atMs);
      await expect(twice).rejects.toMatchObject({
        code: 'store-write',
        message: expect.stringContaining('the same object twice') as string,
      });
      expect(await find('m90')).toBeUndefined();
    });

    it('of no changes are a commit that is done', async () => {
      expect(await objects().commit([], 'anna', atMs)).toEqual({ kind: 'done', objects: [] });
    });
  });

  describe('network interfaces', () => {
    const store = new SharedStore(make);
    const commit = (...changes: ObjectChange[]) => store.now.objects.commit(changes, 'bert', atMs + 1);

    it('have a MAC address that no other machine has, however it is written', async () => {
      await store.now.objects.commit([machine('a1', { nics: [{ mac: '52:54:00:AA:00:01' }] })], 'anna', atMs);
      expect(await commit(machine('a2', { nics: [{ mac: '5254.00aa.0001' }] }))).toEqual({
        kind: 'conflict',
        conflicts: [
          {
            kind: 'Machine',
            name: 'a2',
            revision: 0,
            updatedBy: 'anna',
            updatedMs: atMs,
            reason: '52:54:00:aa:00:01 belongs to the machine a1',
          },
        ],
      });
    });

    it('have a reserved address that no other machine has', async () => {
      await commit(machine('b1', { nics: [{ mac: macOf(0x101), address: '10.0.1.1' }] }), machine('b2', { nics: [{ mac: macOf(0x102) }] }));
      const outcome = await commit(machine('b2', { revision: 1, nics: [{ mac: macOf(0x102), address: '10.0.1.1' }] }));
      expect(outcome).toMatchObject({ conflicts: [{ name: 'b2', revision: 1, reason: '10.0.1.1 belongs to the machine b1' }] });
    });

    it('need no reserved address, any number of them', async () => {
      const nics = [{ mac: macOf(0x201) }, { mac: macOf(0x202) }];
      expect(await commit(machine('c1', { nics }), machine('c2', { nics: [{ mac: macOf(0x203) }] }))).toMatchObject({ kind: 'done' });
    });

    it('that two machines of one commit want are refused', async () => {
      const outcome = await commit(machine('d1', { nics: [{ mac: macOf(0x301) }] }), machine('d2', { nics: [{ mac: macOf(0x301) }] }));
      expect(outcome).toEqual({
        kind: 'conflict',
        conflicts: [{ kind: 'Machine', name: 'd2', revision: 0, reason: `${macOf(0x301)} belongs to the machine d1` }],
      });
    });

    it('go from machine to machine in one commit, by exchange too', async () => {
      const [one, other] = [
        { mac: macOf(0x401), address: '10.0.4.1' },
        { mac: macOf(0x402), address: '10.0.4.2' },
      ];
      await commit(machine('e1', { nics: [one] }), machine('e2', { nics: [other] }));
      const exchange = [machine('e1', { revision: 1, nics: [other] }), machine('e2', { revision: 1, nics: [one] })];
      expect(await commit(...exchange)).toMatchObject({ kind: 'done' });
      expect(await commit(deletion('e1', 2), machine('e3', { nics: [other] }))).toMatchObject({ kind: 'done' });
    });

    it('are free again when their machine is deleted or has them no more', async () => {
      await commit(machine('f1', { nics: [{ mac: macOf(0x501) }, { mac: macOf(0x502) }] }));
      await commit(machine('f1', { revision: 1, nics: [{ mac: macOf(0x501) }] }));
      expect(await commit(machine('f2', { nics: [{ mac: macOf(0x502) }] }))).toMatchObject({ kind: 'done' });
      await commit(deletion('f1', 2));
      expect(await commit(machine('f3', { nics: [{ mac: macOf(0x501) }] }))).toMatchObject({ kind: 'done' });
    });

    it('are given to one of many who want them at once', async () => {
      const names = ['g1', 'g2', 'g3', 'g4', 'g5'];
      const outcomes = await Promise.all(names.map((name) => commit(machine(name, { nics: [{ mac: macOf(0x601) }] }))));
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['conflict', 'conflict', 'conflict', 'conflict', 'done']);
    });
  });

  describe('one-shot boots', () => {
    const store = new SharedStore(make);
    const objects = () => store.now.objects;
    const idsOf = async (name: string) => (await objects().load()).oneShots.filter((one) => one.machine === name).map(({ id }) => id);

    it('are given back as they were asked for', async () => {
      await objects().commit([machine('m1')], 'anna', atMs);
      await objects().saveOneShot(oneShot('o1', 'm1'));
      await store.reopen();
      expect((await objects().load()).oneShots).toEqual([oneShot('o1', 'm1')]);
    });

    it('are one a machine: the later one counts', async () => {
      await objects().commit([machine('m2')], 'anna', atMs);
      await objects().saveOneShot(oneShot('o2', 'm2'));
      await objects().saveOneShot(oneShot('o3', 'm2'));
      expect(await idsOf('m2')).toEqual(['o3']);
      expect(await objects().deleteOneShot('o2')).toBe(false);
    });

    it('are deleted once', async () => {
      await objects().commit([machine('m4')], 'anna', atMs);
      await objects().saveOneShot(oneShot('o4', 'm4'));
      expect(await Promise.all([objects().deleteOneShot('o4'), objects().deleteOneShot('o4')])).toEqual([true, false]);
    });

    it('go with their machine, and a later machine of its name has none', async () => {
      await objects().commit([machine('m5')], 'anna', atMs);
      await objects().saveOneShot(oneShot('o5', 'm5'));
      await objects().commit([deletion('m5', 1)], 'anna', atMs);
      expect(await idsOf('m5')).toEqual([]);
      await expect(objects().saveOneShot(oneShot('o6', 'm5'))).rejects.toThrow('there is no machine m5 any more');
      await objects().commit([machine('m5')], 'anna', atMs);
      expect(await idsOf('m5')).toEqual([]);
    });

    it('stay when their machine is changed', async () => {
      await objects().commit([machine('m6')], 'anna', atMs);
      await objects().saveOneShot(oneShot('o7', 'm6'));
      await objects().commit([machine('m6', { revision: 1, more: { profile: 'x' } })], 'anna', atMs);
      expect(await idsOf('m6')).toEqual(['o7']);
    });

    it('are deleted with the save of the attempt that has used them up, and not before', async () => {
      await objects().commit([machine('m8')], 'anna', atMs);
      await objects().saveOneShot(oneShot('o8', 'm8'));
      await store.now.attempts.save(attempt('a8', { oneShot: { id: 'o8', used: false } }));
      expect(await idsOf('m8')).toEqual(['o8']);
      await store.now.attempts.save(attempt('a8', { oneShot: { id: 'o8', used: true } }));
      expect(await idsOf('m8')).toEqual([]);
      await objects().saveOneShot(oneShot('o9', 'm8'));
      await store.now.attempts.save(attempt('a8', { oneShot: { id: 'o8', used: true }, lastPacket: 'later' }));
      expect(await idsOf('m8')).toEqual(['o9']);
    });
  });

  describe('unknown clients', () => {
    const store = new SharedStore(make);
    const clients = () => store.now.unknownClients;

    it('are given back as they were saved', async () => {
      expect(await clients().load()).toEqual([]);
      const all = [client(1, { uuid: '4c4c4544-0042-3510-8052-b4c04f4d3632', arch: 'bios', address: '10.0.0.9' }), client(2)];
      await clients().save(all);
      await store.reopen();
      expect(await clients().load()).toEqual(all);
    });

    it('replace those of the same MAC, the last one of a call counting', async () => {
      await clients().save([client(3), client(3, { timesSeen: 2 })]);
      await clients().save([client(3, { timesSeen: 3, lastSeenMs: 2 ** 45 })]);
      expect((await clients().load()).filter(({ mac }) => mac === macOf(3))).toEqual([client(3, { timesSeen: 3, lastSeenMs: 2 ** 45 })]);
    });

    it('are deleted, and those that are not there already are no error', async () => {
      await clients().save([client(4), client(5)]);
      await clients().delete([macOf(4), macOf(99)]);
      await clients().delete([]);
      await clients().save([]);
      const macs = (await clients().load()).map(({ mac }) => mac);
      expect(macs).not.toContain(macOf(4));
      expect(macs).toContain(macOf(5));
    });

    it('may be thousands in one call', async () => {
      const many = Array.from({ length: 3000 }, (_, i) => client(1000 + i));
      await clients().save(many);
      expect((await clients().load()).length).toBeGreaterThanOrEqual(3000);
      await clients().delete(many.map(({ mac }) => mac));
      expect((await clients().load()).length).toBeLessThan(1000);
    });
  });
}
