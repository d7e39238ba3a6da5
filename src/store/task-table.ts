import type { Kysely } from 'kysely';
import type { Task, TaskStore } from '../api/task-store.ts';
import { bites } from './bites.ts';
import type { Tables } from './tables.ts';

/** Replaces the task of this id. */
export async function saveTask(database: Kysely<Tables>, task: Task): Promise<void> {
  const columns = { state: task.state, since_ms: task.sinceMs, created_ms: task.createdMs, document: JSON.stringify(task) };
  await database
    .insertInto('task')
    .values({ id: task.id, ...columns })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
    .execute();
}

export async function findTask(database: Kysely<Tables>, id: string): Promise<Task | undefined> {
  const row = await database.selectFrom('task').select('document').where('id', '=', id).executeTakeFirst();
  return row && taskOf(row);
}

/** Newest first. */
export async function pageTasks(database: Kysely<Tables>, page: Parameters<TaskStore['page']>[0]): Promise<Task[]> {
  const { state, before, limit } = page;
  let query = database.selectFrom('task').select('document');
  if (state !== undefined) query = query.where('state', '=', state);
  if (before !== undefined) {
    const { createdMs, id } = before;
    query = query.where('created_ms', '<=', createdMs).where((row) => row.or([row('created_ms', '<', createdMs), row('id', '<', id)]));
  }
  const rows = await query.orderBy('created_ms', 'desc').orderBy('id', 'desc').limit(limit).execute();
  return rows.map(taskOf);
}

/** Those that ended before. */
export async function expiredTasks(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<string[]> {
  const rows = await database
    .selectFrom('task')
    .select('id')
    .where('since_ms', '<', beforeMs)
    .where('state', '!=', 'running')
    .orderBy('since_ms')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export async function removeTasks(database: Kysely<Tables>, ids: readonly string[]): Promise<number> {
  let removed = 0;
  for (const bite of bites(ids)) {
    const { numDeletedRows } = await database.deleteFrom('task').where('id', 'in', bite).where('state', '!=', 'running').executeTakeFirst();
    removed += Number(numDeletedRows);
  }
  return removed;
}

function taskOf({ document }: { readonly document: string }): Task {
  return JSON.parse(document) as Task;
}
