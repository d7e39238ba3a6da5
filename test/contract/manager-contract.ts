import { describe, expect, it } from 'vitest';
import type { Redeemed, StoredAttempt } from '../../src/boot/attempt-store.ts';
import type { RecordArea, RecordChange } from '../../src/manager/manager-store.ts';
import type { HostBoot } from '../../src/model/host.ts';
import type { RedeemedBoot } from '../../src/model/host-boot-store.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import { attempt, type StoreUnderTest } from './store-contract.ts';

function put(area: RecordArea, id: string, revision: number, document: RecordChange['document'] = { note: odd }): RecordChange {
  return { area, id, revision, ...(document !== undefined && { document }) };
}

function ofMachine(name: string): Pick<StoredAttempt, 'machine'> {
  return { machine: { ...attempt('a').machine, name } };
}

async function bootOf(redeemed: Promise<Redeemed>): Promise<HostBoot> {
  const kept = await redeemed;
  if (kept.kind !== 'kept' || kept.boot === undefined) throw new Error('it was not kept');
  return kept.boot;
}

/** Where the manager's records and the boots of hosts outlive the process. */
export function managerContract(make: () => Promise<StoreUnderTest>): void {
  describe('records of the manager', () => {
    const store = new SharedStore(make);
    const records = () => store.now.manager;
    const load = async (ids: RegExp) => (await records().load()).filter(({ id }) => ids.test(id));

    it('are given back as they were written, with revision and time, in the order of area and id', async () => {
      const changes = [put('vm', 'gateway-1', 0, { claims: [{ host: 'post01', seq: 1 }], odd }), put('host', 'post01', 0)];
      expect(await records().commit(changes, atMs)).toEqual({ kind: 'done' });
      expect(await load(/^(?:post01|gateway-1)$/)).toEqual([
        { area: 'host', id: 'post01', revision: 1, document: { note: odd }, updatedMs: atMs },
        { area: 'vm', id: 'gateway-1', revision: 1, document: { claims: [{ host: 'post01', seq: 1 }], odd }, updatedMs: atMs },
      ]);
    });

    it('are replaced only by who knows their revision, and one that is wrong keeps all from being written', async () => {
      await records().commit([put('vm', 'a', 0), put('vm', 'b', 0)], atMs);
      const outcome = await records().commit([put('vm', 'a', 1, { n: 2 }), put('vm', 'b', 7), put('vm', 'c', 0)], atMs);
      expect(outcome).toEqual({ kind: 'conflict', records: [{ area: 'vm', id: 'b', revision: 1 }] });
      expect((await load(/^[abc]$/)).map(({ id, revision }) => [id, revision])).toEqual([
        ['a', 1],
        ['b', 1],
      ]);
    });

    it('are made once: a second one who believes there is none is told', async () => {
      await records().commit([put('leader', 'manager', 0)], atMs);
      const outcome = await records().commit([put('leader', 'manager', 0)], atMs);
      expect(outcome).toEqual({ kind: 'conflict', records: [{ area: 'leader', id: 'manager', revision: 1 }] });
    });

    it('are deleted by their revision, and begin again at 1', async () => {
      await records().commit([put('vm', 'gone', 0)], atMs);
      expect(await records().commit([{ area: 'vm', id: 'gone', revision: 2 }], atMs)).toMatchObject({ kind: 'conflict' });
      expect(await records().commit([{ area: 'vm', id: 'gone', revision: 1 }], atMs)).toEqual({ kind: 'done' });
      await records().commit([put('vm', 'gone', 0)], atMs);
      expect((await load(/^gone$/)).map(({ revision }) => revision)).toEqual([1]);
    });

    it('are written many at a time', async () => {
      const many = Array.from({ length: 1_500 }, (_, n) => put('command', `c${n}`, 0, { state: 'queued' }));
      await records().commit(many, atMs);
      expect(await load(/^c\d+$/)).toHaveLength(1_500);
    });

    it('are written once in a row of commits that race for the same revision', async () => {
      await records().commit([put('numbering', 'claim', 0, { n: 0 })], atMs);
      const race = Array.from({ length: 8 }, (_, n) => records().commit([put('numbering', 'claim', 1, { n })], atMs));
      const kinds = (await Promise.all(race)).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'done')).toHaveLength(1);
    });

    it('lose old commands that have ended, and no others', async () => {
      await records().commit(
        [
          put('command', 'open', 0, { state: 'sent' }),
          put('command', 'ended', 0, { state: 'done' }),
          put('vm', 'old', 0, { state: 'done' }),
        ],
        atMs,
      );
      await records().commit([put('command', 'young', 0, { state: 'failed' })], atMs + 10_000);
      expect(await records().prune(atMs + 5_000)).toBe(1);
      expect((await load(/^(?:open|ended|young|old)$/)).map(({ id }) => id)).toEqual(['open', 'young', 'old']);
    });
  });

  describe('boots of hosts', () => {
    const store = new SharedStore(make);
    const boots = () => store.now.hostBoots;
    const load = async (machines: RegExp) => (await boots().load()).filter(({ machine }) => machines.test(machine));
    const redeem = (machine: string, id: string, more: Partial<RedeemedBoot> = {}): Promise<Redeemed> => {
      const boot = { machine, attempt: id, openedMs: atMs - 1000, redeemedMs: atMs, provedBefore: 1_000_000, ...more };
      return store.now.attempts.redeem(attempt(id, { ...ofMachine(machine), state: 'up', redeemedMs: boot.redeemedMs }), boot);
    };
    it('have numbers that go up over all machines, and come with their attempts', async () => {
      const first = await bootOf(redeem('post01', 'a1', { address: '10.0.0.1' }));
      const second = await bootOf(redeem('post02', 'a2'));
      const third = await bootOf(redeem('post01', 'a3', { mac: '52:54:00:00:00:01', redeemedMs: atMs + 1 }));
      expect(first).toEqual({ machine: 'post01', boot: first.boot, attempt: 'a1', address: '10.0.0.1', redeemedMs: atMs });
      expect(second.boot).toBeGreaterThan(first.boot);
      expect(third.boot).toBeGreaterThan(second.boot);
      expect(await load(/^post0/)).toEqual([third, second]);
      expect(await store.now.archive.find('a3')).toMatchObject({ state: 'up', redeemedMs: atMs + 1 });
    });

    it('keep their number when the same attempt is redeemed again', async () => {
      const first = await bootOf(redeem('again01', 'b1'));
      await redeem('again02', 'b2');
      expect(await bootOf(redeem('again01', 'b1', { redeemedMs: atMs + 500 }))).toEqual(first);
    });

    it('are not kept, nor is the attempt, where another boot of the machine said hello since it began', async () => {
      const first = await bootOf(redeem('late01', 'l1'));
      const late = { provedBefore: first.boot - 1, openedMs: atMs - 1, redeemedMs: atMs + 500 };
      expect(await redeem('late01', 'l2', late)).toEqual({ kind: 'late', by: first });
      expect(await store.now.archive.find('l2')).toBeUndefined();
      expect(await load(/^late01$/)).toEqual([first]);
    });

    it('are kept where the other one said hello before it began, by the numbers or by the clock', async () => {
      const first = await bootOf(redeem('next01', 'n1'));
      const second = await bootOf(redeem('next01', 'n2', { provedBefore: first.boot, openedMs: atMs - 1, redeemedMs: atMs + 500 }));
      const third = await bootOf(redeem('next01', 'n3', { provedBefore: 0, openedMs: atMs + 501, redeemedMs: atMs + 900 }));
      expect([second.boot > first.boot, third.boot > second.boot]).toEqual([true, true]);
    });

    it('are not there where nobody wants to know of them, and the attempt is', async () => {
      expect(await store.now.attempts.redeem(attempt('w1', ofMachine('without01')))).toMatchObject({ kind: 'kept' });
      expect([(await store.now.archive.find('w1'))?.id, await load(/^without01$/)]).toEqual(['w1', []]);
    });

    it('use up the one-shot boot that they are', async () => {
      const document = { kind: 'Machine', name: 'once01', nics: [] } as const;
      await store.now.objects.commit([{ kind: 'Machine', name: 'once01', revision: 0, document }], 'anna', atMs);
      await store.now.objects.saveOneShot({ id: 'h1', machine: 'once01', profile: 'x', requestedMs: atMs, requestedBy: 'anna' });
      const once = attempt('h2', { ...ofMachine('once01'), oneShot: { id: 'h1', used: true } });
      await store.now.attempts.redeem(once, { machine: 'once01', attempt: 'h2', openedMs: atMs, redeemedMs: atMs });
      expect((await store.now.objects.load()).oneShots.filter(({ id }) => id === 'h1')).toEqual([]);
    });

    it('are pruned but for the newest of each machine', async () => {
      await redeem('old01', 'o1', { redeemedMs: atMs - 10 });
      const newest = await bootOf(redeem('old01', 'o2', { redeemedMs: atMs - 10 }));
      expect(await boots().prune(atMs)).toBe(1);
      expect(await load(/^old01$/)).toEqual([newest]);
    });
  });
}
