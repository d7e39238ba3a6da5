import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { cursorOf, positionOf } from '../cursor.ts';
import { sendTagged } from '../etag.ts';
import { ProblemError } from '../problems.ts';
import type { ProblemResource } from '../schemas/problem.ts';
import { shape, text } from '../schemas/fields.ts';
import { taskPageSchema, taskQuerySchema, taskSchema } from '../schemas/task.ts';
import type { TaskResource } from '../schemas/task.ts';
import type { Task } from '../task-store.ts';
import { answers, base } from './describe.ts';
import { notFound } from './outcomes.ts';

const tags = ['tasks'];
const params = shape('Which task.', { id: text('Its number.', 't-01J8ZC', 200) });

export function addTaskRoutes(app: Api, plane: ServicePlane): void {
  app.get(
    `${base}/tasks`,
    {
      config: { access: { role: 'viewer', noun: 'tasks' } },
      schema: {
        operationId: 'listTasks',
        summary: 'List long work, newest first',
        tags,
        querystring: taskQuerySchema,
        ...answers(taskPageSchema),
      },
    },
    async ({ query }) => {
      const { limit = 50, cursor, state } = query;
      const [createdMs, id] = cursor === undefined ? [] : positionOf(cursor, ['number', 'string']);
      const tasks = await plane.tasks.page({
        limit: limit + 1,
        ...(state !== undefined && { state }),
        ...(createdMs !== undefined && { before: { createdMs: Number(createdMs), id: String(id) } }),
      });
      const items = tasks.slice(0, limit);
      const end = items.at(-1);
      return {
        items: items.map(taskResource),
        ...(tasks.length > limit && end !== undefined && { nextCursor: cursorOf([end.createdMs, end.id]) }),
      };
    },
  );

  app.get(
    `${base}/tasks/:id(^[^:/]+)`,
    {
      config: { access: { role: 'viewer', noun: 'tasks' } },
      schema: {
        operationId: 'getTask',
        summary: 'Show a task with its progress and what came out of it',
        tags,
        params,
        ...answers(taskSchema),
      },
    },
    async (request, reply) => {
      const task = await plane.tasks.find(request.params.id);
      if (task === undefined) throw notFound('task', request.params.id);
      return sendTagged(request, reply, taskResource(task));
    },
  );

  app.post(
    `${base}/tasks/:id(^[^:/]+)::cancel`,
    {
      config: { access: { role: 'operator', noun: 'tasks' }, action: 'task.cancel' },
      schema: { operationId: 'cancelTask', summary: 'Cancel a task that runs', tags, params, ...answers(taskSchema) },
    },
    async (request) => {
      const { id } = request.params;
      const cancelled = await plane.tasks.cancel(id);
      if (cancelled !== undefined) return taskResource(cancelled);
      const task = await plane.tasks.find(id);
      if (task === undefined) throw notFound('task', id);
      if (task.state === 'running') throw new ProblemError('conflict', `${id} runs on another server: cancel it there.`);
      throw new ProblemError('conflict', `${id} has ended: it is ${task.state}.`);
    },
  );
}

export function taskResource(task: Task): TaskResource {
  const { id, kind, object, state, reason, sinceMs, createdMs, createdBy, progress, result, problem } = task;
  return {
    id,
    kind,
    object,
    state,
    reason: reason.slice(0, 4096),
    since: new Date(sinceMs).toISOString(),
    createdAt: new Date(createdMs).toISOString(),
    createdBy,
    progress: { ...progress },
    ...(result !== undefined && { result }),
    ...(problem !== undefined && { problem: problem as ProblemResource }),
  };
}
