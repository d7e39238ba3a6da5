import { Option } from 'commander';
import type { Command } from 'commander';
import type { TaskResource } from '../api/schemas/task.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { formatAge, parseCount, parseSeconds } from './duration.ts';
import { outputOption, printItem, printItems } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';
import { pollUntil } from './waiting.ts';

function taskView(nowMs: number): View<TaskResource> {
  return {
    columns: [
      { head: 'TASK', cell: ({ id }) => id },
      { head: 'KIND', cell: ({ kind }) => kind },
      { head: 'OBJECT', cell: ({ object }) => object },
      { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => (state === 'failed' ? 'bad' : undefined) },
      { head: 'SINCE', cell: ({ since }) => formatAge(since, nowMs), align: 'right' },
      { head: 'DONE', cell: progressText },
      { head: 'BY', cell: ({ createdBy }) => createdBy },
      { head: 'REASON', cell: ({ reason }) => reason },
    ],
    name: ({ id }) => id,
    empty: 'there is no task',
  };
}

function progressText({ progress: { done, total, unit } }: TaskResource): string {
  return `${done}${total === undefined ? '' : ` of ${total}`} ${unit}`;
}

/** Adds `virtdom task list|get|watch|cancel`. */
export function addTaskCommands(program: Command, terminal: Terminal): void {
  const task = program.command('task').description('see long work that was begun');
  const now = (): number => terminal.now?.() ?? Date.now();

  serviceCommand(task, 'list', 'list tasks, the newest first')
    .addOption(new Option('--state <state>', 'in this state').choices(['running', 'done', 'failed', 'cancelled']))
    .option('--limit <count>', 'the newest so many', parseCount, 50)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { state, limit, output }: OutputOptions & { state?: string; limit: number }) => {
        printItems(terminal, output, taskView(now()), await api.list<TaskResource>('/tasks', { state }, limit));
      }),
    );

  serviceCommand(task, 'get <task>', 'show a task')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, id: string, { output }: OutputOptions) => {
        printItem(terminal, output, taskView(now()), (await api.get<TaskResource>(apiPath`/tasks/${id}`)).body);
      }),
    );

  serviceCommand(task, 'watch <task>', 'wait until a task has ended')
    .option('--timeout <time>', 'how long to wait', parseSeconds, 3600)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, id: string, { timeout, output }: OutputOptions & { timeout: number }) => {
        printItem(terminal, output, taskView(now()), await waitForTask(terminal, api, id, timeout));
      }),
    );

  serviceCommand(task, 'cancel <task>', 'end a task before its time').action(
    asking(terminal, async (api, id: string) => {
      const { body } = await api.post<TaskResource>(apiPath`/tasks/${id}:cancel`);
      terminal.out(`${printable(`${body.id} ${body.state}`)}\n`);
    }),
  );
}

/** Waits for the end of a task, telling how far it is. Throws where it failed. */
export async function waitForTask(terminal: Terminal, api: ApiClient, id: string, timeoutSeconds: number): Promise<TaskResource> {
  let task: TaskResource | undefined;
  let told = '';
  await pollUntil(
    async () => {
      task = (await api.get<TaskResource>(apiPath`/tasks/${id}`)).body;
      const text = `${task.kind} ${task.object}: ${task.state}, ${progressText(task)}`;
      if (text !== told) terminal.error(`${printable(text)}\n`);
      told = text;
      return task.state !== 'running';
    },
    { timeoutSeconds, pauseMs: 1000 },
    () => `task ${id} runs still after ${timeoutSeconds} s: ${told}`,
  );
  if (task?.state === 'done') return task;
  const detail = task?.problem?.detail ?? task?.reason ?? 'unknown';
  throw new CliError('failed', `task ${id} ${task?.state ?? 'is gone'}: ${detail}`);
}
