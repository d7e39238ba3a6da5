import { describe, expect, it } from 'vitest';
import type { KeptAnswer } from '../../src/api/idempotency-store.ts';
import type { Task } from '../../src/api/task-store.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import type { StoreUnderTest } from './store-contract.ts';

function task(id: string, more: Partial<Task> = {}): Task {
  return {
    id,
    kind: 'template.check',
    object: 'template/menu.lst',
    state: 'running',
    reason: odd,
    sinceMs: atMs,
    createdMs: atMs,
    createdBy: 'anna',
    progress: { done: 0, unit: 'machines' },
    ...more,
  };
}

function kept(key: string, more: Partial<KeptAnswer> = {}): KeptAnswer {
  return { actor: 'anna', key, requestHash: 'ab'.repeat(32), createdMs: atMs, ...more };
}

/** Where what requests began and were answered outlives the process. */
export function requestContract(make: () => Promise<StoreUnderTest>): void {
  describe('tasks', () => {
    const store = new SharedStore(make);
    const tasks = () => store.now.tasks;

    it('are given back as they were saved last', async () => {
      expect(await tasks().find('a')).toBeUndefined();
      expect(await tasks().find('\0')).toBeUndefined();
      await tasks().save(task('a'));
      expect(await tasks().find('a')).toEqual(task('a'));
      const done = task('a', {
        state: 'done',
        sinceMs: 2 ** 45,
        progress: { done: 3, total: 3, unit: 'x' },
        result: { [odd]: [null, 2 ** 40] },
      });
      await tasks().save(done);
      await store.reopen();
      expect(await tasks().find('a')).toEqual(done);
      await tasks().save(task('a', { state: 'failed', problem: { detail: odd } }));
      expect(await tasks().find('a')).toEqual(task('a', { state: 'failed', problem: { detail: odd } }));
    });

    it('are listed newest first, of a state or all, page by page without gaps where many were made at once', async () => {
      const states = ['running', 'done', 'failed', 'cancelled'] as const;
      const made = Array.from({ length: 23 }, (_, i) =>
        task(`b${String(i).padStart(2, '0')}`, { createdMs: atMs + 1000 + Math.floor(i / 6), state: states[i % 4] ?? 'done' }),
      );
      for (const each of made) await tasks().save(each);
      for (const state of [undefined, ...states]) {
        const wanted = made.filter((each) => state === undefined || each.state === state).toReversed();
        const walked: Task[] = [];
        for (let last: Task | undefined; ; last = walked.at(-1)) {
          const before = last === undefined ? {} : { before: { createdMs: last.createdMs, id: last.id } };
          const page = await tasks().page({ ...(state !== undefined && { state }), ...before, limit: 4 });
          walked.push(...page.filter(({ createdMs }) => createdMs > atMs + 999));
          if (page.length < 4) break;
        }
        expect(walked).toEqual(wanted);
      }
    });

    it('are pruned when they ended before, and never while they run', async () => {
      await tasks().save(task('c1', { state: 'running', sinceMs: 1 }));
      await tasks().save(task('c2', { state: 'done', sinceMs: 1 }));
      await tasks().save(task('c3', { state: 'failed', sinceMs: 2 }));
      expect(await tasks().prune(1)).toBe(0);
      expect(await tasks().prune(2)).toBe(1);
      expect(await tasks().find('c1')).toBeDefined();
      expect(await tasks().find('c2')).toBeUndefined();
      expect(await tasks().find('c3')).toBeDefined();
    });
  });

  describe('idempotency keys', () => {
    const store = new SharedStore(make);
    const answers = () => store.now.idempotency;

    it('are taken once: who comes later gets what took it', async () => {
      expect(await answers().begin(kept('a'))).toBeUndefined();
      expect(await answers().begin(kept('a', { requestHash: 'other' }))).toEqual(kept('a'));
    });

    it('are of an actor each', async () => {
      expect(await answers().begin(kept('b'))).toBeUndefined();
      expect(await answers().begin(kept('b', { actor: 'bert' }))).toBeUndefined();
    });

    it('taken by many at once are given to one', async () => {
      const begun = await Promise.all(Array.from({ length: 10 }, (_, i) => answers().begin(kept('c', { requestHash: `hash ${i}` }))));
      expect(begun.filter((taken) => taken === undefined)).toHaveLength(1);
    });

    it('keep the answer as it was', async () => {
      const answer = { status: 201, headers: { location: odd, etag: '"1"' }, body: JSON.stringify({ [odd]: odd }) };
      await answers().begin(kept('d'));
      await answers().finish(kept('d', { answer }));
      await store.reopen();
      expect(await answers().begin(kept('d'))).toEqual(kept('d', { answer }));
    });

    it('are given back', async () => {
      await answers().begin(kept('e'));
      await answers().forget('bert', 'e');
      expect(await answers().begin(kept('e'))).toBeDefined();
      await answers().forget('anna', 'e');
      expect(await answers().begin(kept('e'))).toBeUndefined();
    });

    it('are pruned before a time', async () => {
      for (let i = 0; i < 600; i++) await answers().begin(kept(`f${i}`, { createdMs: i, actor: i % 2 === 0 ? 'anna' : 'bert' }));
      expect(await answers().prune(599)).toBe(599);
      expect(await answers().begin(kept('f0'))).toBeUndefined();
      expect(await answers().begin(kept('f599', { actor: 'bert' }))).toBeDefined();
    });
  });
}
