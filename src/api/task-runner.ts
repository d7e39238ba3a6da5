import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { ProblemError, problemBody, problemOf } from './problems.ts';
import type { Task, TaskStore } from './task-store.ts';

export interface TaskRunnerParts {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this server, where several share a database: each looks after its own tasks. */
  readonly serverId: string;
  /** Tasks at once. */
  readonly limit?: number;
  readonly keepDays?: number;
}

/** What the work of a task is given. */
export interface TaskHandle {
  /** Aborted when somebody cancels it, or when the service ends. */
  readonly signal: AbortSignal;
  progress(done: number, total?: number): void;
}

export interface TaskWish {
  readonly kind: string;
  readonly object: string;
  readonly createdBy: string;
  /** What its progress counts: `contents`. */
  readonly unit: string;
  readonly requestId: string;
  /** Its result is plain JSON. */
  readonly work: (handle: TaskHandle) => Promise<unknown>;
}

interface RunningTask {
  task: Task;
  readonly abort: AbortController;
  ended: Promise<void>;
  savedMs: number;
}

/** How often progress is written: who asks us gets the newest anyway. */
const saveProgressMs = 1_000;
/** Work that does not look at its signal is not waited for without end. */
const cancelMs = 5_000;
const pruneMs = 3_600_000;

/** Work that goes on after its request was answered. */
export class TaskRunner {
  readonly #parts: TaskRunnerParts;
  readonly #running = new Map<string, RunningTask>();
  #prunedMs = -Infinity;
  #closed = false;

  private constructor(parts: TaskRunnerParts) {
    this.#parts = parts;
  }

  /** Ends the tasks that ran when the service died: nobody works on them any more. */
  static async open(parts: TaskRunnerParts): Promise<TaskRunner> {
    const runner = new TaskRunner(parts);
    for (let before: { createdMs: number; id: string } | undefined; ;) {
      const tasks = await parts.store.page({ state: 'running', limit: 100, ...(before !== undefined && { before }) });
      for (const task of tasks) {
        if (task.id.slice(0, task.id.lastIndexOf('-') + 1) !== runner.#prefix) continue;
        await parts.store.save({
          ...task,
          state: 'failed',
          reason: 'the service ended before the task did: begin it again',
          sinceMs: parts.clock.now(),
        });
      }
      const last = tasks.at(-1);
      if (last === undefined || tasks.length < 100) return runner;
      before = { createdMs: last.createdMs, id: last.id };
    }
  }

  /** Resolves when the task is written down; its work goes on. @throws ProblemError where too many run */
  async start(wish: TaskWish): Promise<Task> {
    const { store, clock, limit = 4 } = this.#parts;
    if (this.#closed) throw new ProblemError('unavailable', 'virtdom is stopping: begin the task again when it is back.');
    if (this.#running.size >= limit)
      throw new ProblemError('too-many', `${limit} tasks run already: wait for one to end, or cancel it.`, {
        headers: { 'retry-after': '10' },
      });
    const nowMs = clock.now();
    const task: Task = {
      id: `${this.#prefix}${nowMs.toString(36)}${randomBytes(5).toString('hex')}`,
      kind: wish.kind,
      object: wish.object,
      state: 'running',
      reason: 'it runs',
      sinceMs: nowMs,
      createdMs: nowMs,
      createdBy: wish.createdBy,
      progress: { done: 0, unit: wish.unit },
    };
    const running: RunningTask = { task, abort: new AbortController(), ended: Promise.resolve(), savedMs: clock.monotonic() };
    this.#running.set(task.id, running);
    try {
      await store.save(task);
    } catch (error) {
      this.#running.delete(task.id);
      throw error;
    }
    running.ended = this.#run(running, wish);
    return running.task;
  }

  async find(id: string): Promise<Task | undefined> {
    return this.#running.get(id)?.task ?? (await this.#parts.store.find(id));
  }

  async page(page: Parameters<TaskStore['page']>[0]): Promise<readonly Task[]> {
    await this.#prune();
    return (await this.#parts.store.page(page)).map((task) => this.#running.get(task.id)?.task ?? task);
  }

  /** Asks a task to end; resolves when it has, or after a while. `undefined` where it does not run here. */
  async cancel(id: string): Promise<Task | undefined> {
    const running = this.#running.get(id);
    if (running === undefined) return undefined;
    running.task = { ...running.task, reason: 'it is being cancelled' };
    running.abort.abort();
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = this.#parts.clock.after(cancelMs, resolve);
    await Promise.race([running.ended, promise]);
    patience.cancel();
    return running.task;
  }

  /** Cancels what runs and waits for it. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Array.from(this.#running.keys(), (id) => this.cancel(id)));
  }

  get #prefix(): string {
    return `t-${this.#parts.serverId}-`;
  }

  async #run(running: RunningTask, wish: TaskWish): Promise<void> {
    const { store, clock, log } = this.#parts;
    const { signal } = running.abort;
    const end = (ended: Pick<Task, 'state' | 'reason' | 'result' | 'problem'>): void => {
      running.task = { ...running.task, ...ended, sinceMs: clock.now() };
    };
    try {
      const result = await wish.work({ signal, progress: (done, total) => this.#progress(running, done, total) });
      if (signal.aborted) end({ state: 'cancelled', reason: this.#closed ? 'the service was stopped' : 'it was cancelled' });
      else end({ state: 'done', reason: 'it is done', result });
    } catch (error) {
      const known = problemOf(error);
      if (signal.aborted) end({ state: 'cancelled', reason: this.#closed ? 'the service was stopped' : 'it was cancelled' });
      else {
        if (known === undefined) log.error({ err: error, task: running.task.id, requestId: wish.requestId }, 'a task failed');
        const problem = known ?? new ProblemError('internal', 'virtdom failed; its log says why, under the requestId.');
        end({
          state: 'failed',
          reason: problem.message,
          problem: problemBody(problem, `/api/v1/tasks/${running.task.id}`, wish.requestId),
        });
      }
    }
    try {
      await store.save(running.task);
    } catch (error) {
      log.error({ err: error, task: running.task.id }, 'the end of a task could not be written');
    }
    this.#running.delete(running.task.id);
  }

  #progress(running: RunningTask, done: number, total: number | undefined): void {
    const { unit } = running.task.progress;
    running.task = { ...running.task, progress: { done, ...(total !== undefined && { total }), unit } };
    const nowMs = this.#parts.clock.monotonic();
    if (nowMs - running.savedMs < saveProgressMs) return;
    running.savedMs = nowMs;
    this.#parts.store.save(running.task).catch((error: unknown) => {
      this.#parts.log.warn({ err: error, task: running.task.id }, 'the progress of a task could not be written');
    });
  }

  async #prune(): Promise<void> {
    const nowMs = this.#parts.clock.monotonic();
    if (nowMs - this.#prunedMs < pruneMs) return;
    this.#prunedMs = nowMs;
    await this.#parts.store.prune(this.#parts.clock.now() - (this.#parts.keepDays ?? 30) * 86_400_000);
  }
}
