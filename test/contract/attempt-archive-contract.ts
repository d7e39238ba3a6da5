import { describe, expect, it } from 'vitest';
import type { AttemptPage, AttemptState, StoredAttempt } from '../../src/boot/attempt-store.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import { attempt } from './store-contract.ts';
import type { StoreUnderTest } from './store-contract.ts';

function attemptOf(id: string, machine: string, openedMs: number, state: AttemptState, more: Partial<StoredAttempt> = {}): StoredAttempt {
  const plain = attempt(id, { openedMs, state, ...more });
  return { ...plain, machine: { ...plain.machine, name: machine } };
}

const states = ['booting', 'stuck', 'waiting', 'up', 'failed'] as const;
/** Thirty attempts of three machines, five opened in the same millisecond each time. */
const thirty = Array.from({ length: 30 }, (_, i) => {
  const profile = { ...attempt('x').profile, name: i % 2 === 0 ? 'dom0' : 'installer' };
  const mac = `52:54:00:00:00:0${i % 3}`;
  return attemptOf(`id${String(i).padStart(2, '0')}`, `post0${i % 3}`, atMs + Math.floor(i / 5), states[i % 5] ?? 'up', { mac, profile });
});

type Wanted = (one: StoredAttempt) => boolean;

const filters: readonly [string, Omit<AttemptPage, 'limit'>, Wanted][] = [
  ['nothing', {}, () => true],
  ['machine', { machine: 'post01' }, ({ machine }) => machine.name === 'post01'],
  ['MAC', { mac: '52:54:00:00:00:02' }, ({ mac }) => mac === '52:54:00:00:00:02'],
  ['profile', { profile: 'installer' }, ({ profile }) => profile.name === 'installer'],
  ['state', { states: ['stuck'] }, ({ state }) => state === 'stuck'],
  ['states, one named twice', { states: ['up', 'failed', 'up'] }, ({ state }) => state === 'up' || state === 'failed'],
  ['no state', { states: [] }, () => false],
  ['the time from which on', { sinceMs: atMs + 2 }, ({ openedMs }) => openedMs >= atMs + 2],
  ['the time up to which', { untilMs: atMs + 2 }, ({ openedMs }) => openedMs <= atMs + 2],
  [
    'all together',
    { machine: 'post00', profile: 'dom0', states: ['booting', 'up'], sinceMs: atMs, untilMs: atMs + 3 },
    ({ machine, profile, state, openedMs }) =>
      machine.name === 'post00' && profile.name === 'dom0' && ['booting', 'up'].includes(state) && openedMs <= atMs + 3,
  ],
  [
    'machine, MAC and state',
    { machine: 'post01', mac: '52:54:00:00:00:01', states: ['waiting'] },
    ({ machine, state }) => machine.name === 'post01' && state === 'waiting',
  ],
  ['machine and another MAC', { machine: 'post01', mac: '52:54:00:00:00:02' }, () => false],
  [
    'profile and states',
    { profile: 'installer', states: ['up', 'stuck'] },
    ({ profile, state }) => profile.name === 'installer' && ['up', 'stuck'].includes(state),
  ],
  ['a machine that never was', { machine: 'nobody' }, () => false],
];

/** Where attempts of long ago are. */
export function attemptArchiveContract(make: () => Promise<StoreUnderTest>): void {
  describe('attempts of long ago, asked for by', () => {
    const store = new SharedStore(make);

    it('their id, are given back as they were saved', async () => {
      for (const each of thirty) await store.now.attempts.save(each);
      const last = { ...attempt('odd', { openedMs: 5, reason: odd, lastPacket: odd }), image: odd };
      await store.now.attempts.save(last);
      expect(await store.now.archive.find('odd')).toEqual(last);
      expect(await store.now.archive.find('id07')).toEqual(thirty[7]);
      expect(await store.now.archive.find('nothing')).toBeUndefined();
      expect(await store.now.archive.find('\0')).toBeUndefined();
    });

    it.each(filters)('%s, are listed newest first, page by page without gaps', async (_, filter, isWanted) => {
      const wanted = thirty.filter(isWanted).toReversed();
      const walked: StoredAttempt[] = [];
      for (let last: StoredAttempt | undefined; ; last = walked.at(-1)) {
        const before = last === undefined ? {} : { before: { openedMs: last.openedMs, id: last.id } };
        const page = await store.now.archive.page({ ...filter, ...before, limit: 4 });
        walked.push(...page.filter(({ id }) => id !== 'odd'));
        if (page.length < 4) break;
      }
      expect(walked.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
      expect(walked).toEqual(wanted);
    });
  });

  describe('attempts of long ago', () => {
    const store = new SharedStore(make);

    it('are pruned when they ended and a later one of the machine is there', async () => {
      const all = [
        attemptOf('a1', 'a', 1, 'up'),
        attemptOf('a2', 'a', 2, 'booting'),
        attemptOf('a3', 'a', 3, 'stuck'),
        attemptOf('a3w', 'a', 3, 'waiting'),
        attemptOf('a4', 'a', 4, 'failed'),
        attemptOf('a5', 'a', 5, 'local'),
        attemptOf('a6', 'a', 6, 'up'),
        attemptOf('b1', 'b', 1, 'up'),
        attemptOf('c1', 'c', 1, 'failed'),
        attemptOf('c2', 'c', 1, 'handed-over'),
      ];
      for (const each of all) await store.now.attempts.save(each);
      expect(await store.now.archive.prune(1)).toBe(0);
      expect(await store.now.archive.prune(5)).toBe(3);
      const left = await store.now.archive.page({ limit: 100 });
      expect(left.map(({ id }) => id).sort()).toEqual(['a2', 'a3', 'a3w', 'a5', 'a6', 'b1', 'c2']);
      expect(await store.now.archive.prune(100)).toBe(1);
      expect(await store.now.archive.find('a5')).toBeUndefined();
    });

    it('are kept where one came up and what began later did not: it may be running', async () => {
      const all = [
        attemptOf('d1', 'd', 1, 'up'),
        attemptOf('d2', 'd', 2, 'up'),
        attemptOf('d3', 'd', 3, 'failed'),
        attemptOf('d4', 'd', 4, 'failed'),
      ];
      for (const each of all) await store.now.attempts.save(each);
      await store.now.archive.prune(100);
      const left = await store.now.archive.page({ machine: 'd', limit: 100 });
      expect(left.map(({ id }) => id)).toEqual(['d4', 'd2']);
    });
  });
}
