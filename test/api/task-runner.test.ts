import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../src/api/problems.ts';
import { TaskRunner } from '../../src/api/task-runner.ts';
import type { TaskWish } from '../../src/api/task-runner.ts';
import type { Task, TaskStore } from '../../src/api/task-store.ts';
import { HeldClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';

class MemoryTaskStore implements TaskStore {
  readonly tasks = new Map<string, Task>();

  save(task: Task): Promise<void> {
    this.tasks.set(task.id, task);
    return Promise.resolve();
  }
  find(id: string): Promise<Task | undefined> {
    return Promise.resolve(this.tasks.get(id));
  }
  page({ state, before, limit }: Parameters<TaskStore['page']>[0]): Promise<readonly Task[]> {
    const all = [...this.tasks.values()].filter((task) => state === undefined || task.state === state);
    const sorted = all.sort((left, right) => right.createdMs - left.createdMs || (left.id < right.id ? 1 : -1));
    const after = before === undefined ? sorted : sorted.slice(sorted.findIndex(({ id }) => id === before.id) + 1);
    return Promise.resolve(after.slice(0, limit));
  }
  prune(): Promise<number> {
    return Promise.resolve(0);
  }
}

const wish = (work: TaskWish['work']): TaskWish => ({
  kind: 'test.work',
  object: 'test/one',
  createdBy: 'anna',
  unit: 'steps',
  requestId: 'req-1',
  work,
});

async function rig(store = new MemoryTaskStore()) {
  const clock = new HeldClock();
  const log = new CapturedLog();
  return { store, clock, log, runner: await TaskRunner.open({ store, clock, log, serverId: 'one', limit: 2 }) };
}

describe('a task', () => {
  it('goes on after the answer, with its progress, and its result is kept', async () => {
    const { runner, store } = await rig();
    const { promise, resolve } = Promise.withResolvers<void>();
    const begun = await runner.start(
      wish(async (handle) => {
        handle.progress(3, 10);
        await promise;
        return { found: 1 };
      }),
    );
    expect(begun).toMatchObject({ state: 'running', kind: 'test.work', createdBy: 'anna' });
    expect(await runner.find(begun.id)).toMatchObject({ progress: { done: 3, total: 10, unit: 'steps' } });
    resolve();
    await expect.poll(() => store.tasks.get(begun.id)).toMatchObject({ state: 'done', result: { found: 1 } });
  });

  it('that fails keeps its problem; a surprise is logged and tells nothing of the inside', async () => {
    const { runner, store, log } = await rig();
    const known = await runner.start(wish(() => Promise.reject(new ProblemError('conflict', 'it is in use'))));
    const surprise = await runner.start(wish(() => Promise.reject(new Error('ENOSPC /secret'))));
    await expect
      .poll(() => store.tasks.get(known.id))
      .toMatchObject({ state: 'failed', reason: 'it is in use', problem: { status: 409, requestId: 'req-1' } });
    await expect.poll(() => store.tasks.get(surprise.id)).toMatchObject({ state: 'failed', problem: { status: 500 } });
    expect(JSON.stringify(store.tasks.get(surprise.id))).not.toContain('secret');
    expect(log.lines).toMatchObject([{ level: 'error', fields: { requestId: 'req-1' } }]);
  });

  it('that ran when the service died has failed after the restart, and says so; those of other servers go on', async () => {
    const store = new MemoryTaskStore();
    const before = await rig(store);
    const forever = wish(() => new Promise(() => {}));
    const own = await before.runner.start(forever);
    for (const id of ['t-two-1', 't-one-2-1']) await store.save({ ...own, id });
    await rig(store);
    expect(store.tasks.get(own.id)).toMatchObject({ state: 'failed', reason: 'the service ended before the task did: begin it again' });
    expect(['t-two-1', 't-one-2-1'].map((id) => store.tasks.get(id)?.state)).toEqual(['running', 'running']);
  });

  it('is cancelled when the service closes, and no other begins', async () => {
    const { runner, store } = await rig();
    const { id } = await runner.start(wish(({ signal }) => once(signal, 'abort')));
    await runner.close();
    expect(store.tasks.get(id)).toMatchObject({ state: 'cancelled', reason: 'the service was stopped' });
    await expect(runner.start(wish(() => Promise.resolve()))).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('is one of few at once', async () => {
    const { runner } = await rig();
    const waiting = wish(({ signal }) => once(signal, 'abort'));
    await runner.start(waiting);
    const { id } = await runner.start(waiting);
    await expect(runner.start(waiting)).rejects.toMatchObject({ kind: 'too-many' });
    await runner.cancel(id);
    expect(await runner.start(waiting)).toMatchObject({ state: 'running' });
    expect(await runner.cancel('t-one-none')).toBeUndefined();
    await runner.close();
  });
});
