import type { ManagerCommand } from '../../manager/manager-control.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { holds, pageOfItems, valuesOf } from '../listing.ts';
import { commandPageSchema, commandQuerySchema, commandSchema, commandStates } from '../schemas/command.ts';
import type { CommandResource, CommandSummary } from '../schemas/command.ts';
import { shape, text } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { answered, askedBy, managerOf } from './asked.ts';
import { answers, base } from './describe.ts';
import { notFound } from './outcomes.ts';
import { sentence, timeOf } from './wording.ts';

const tags = ['commands'];
const access = { role: 'viewer', noun: 'commands' } as const;
const params = shape('Which command.', { id: text('Its number.', 'c-01J8ZC', 64) });

/** What agents were told to do. */
export function addCommandRoutes(app: Api, plane: ServicePlane): void {
  app.get(
    `${base}/commands`,
    {
      config: { access },
      schema: {
        operationId: 'listCommands',
        summary: 'List commands to agents, newest first',
        tags,
        querystring: commandQuerySchema,
        ...answers(commandPageSchema),
      },
    },
    ({ query }) => {
      const states = valuesOf('state', query.state, commandStates);
      const commands = managerOf(plane)
        .commands()
        .filter(
          ({ id, host, vm, state, command, reason }) =>
            (states === undefined || states.includes(state)) &&
            (query.host === undefined || host === query.host) &&
            (query.vm === undefined || vm === query.vm) &&
            holds(query.q, id, command, host, vm, reason),
        );
      const page = pageOfItems(commands, { ...query, sort: query.sort ?? '-createdAt' }, ({ id }) => id, {
        createdAt: ({ createdMs }) => createdMs,
        host: ({ host }) => host,
        state: ({ state }) => state,
      });
      return { ...page, items: page.items.map(commandSummary) };
    },
  );

  app.get(
    `${base}/commands/:id(^[^:/]+)`,
    {
      config: { access },
      schema: {
        operationId: 'getCommand',
        summary: 'Show a command with what it was given and what its agent answered',
        tags,
        params,
        ...answers(commandSchema),
      },
    },
    (request, reply) => {
      const command = managerOf(plane).command(request.params.id);
      if (command === undefined) throw notFound('command', request.params.id);
      return sendTagged(request, reply, commandResource(command));
    },
  );

  app.post(
    `${base}/commands/:id(^[^:/]+)::cancel`,
    {
      config: { access: { role: 'operator', noun: 'commands' }, action: 'command.cancel' },
      schema: {
        operationId: 'cancelCommand',
        summary: 'Take a command back that no agent has begun',
        tags,
        params,
        querystring: shape('How.', dryRunQuery),
        ...answers(commandSchema),
      },
    },
    async (request, reply) => {
      const { result } = answered(await managerOf(plane).cancelCommand(request.params.id, askedBy(request)));
      return sendTagged(request, reply, commandResource(result));
    },
  );
}

function commandSummary(each: ManagerCommand): CommandSummary {
  const { id, host, command, vm, state, reason, author, createdMs, sentMs, times, endedMs, boot, session, expiresMs } = each;
  return {
    id,
    host,
    command,
    ...(vm !== undefined && { vm }),
    state,
    reason: sentence(reason),
    since: timeOf(endedMs ?? sentMs ?? createdMs),
    author,
    createdAt: timeOf(createdMs),
    ...(sentMs !== undefined && { sentAt: timeOf(sentMs) }),
    times,
    ...(endedMs !== undefined && { endedAt: timeOf(endedMs) }),
    boot,
    session,
    expiresAt: timeOf(expiresMs),
  };
}

function commandResource(command: ManagerCommand): CommandResource {
  // The key of a migration that is still under way.
  const { key: _, ...args } = command.args;
  return { ...commandSummary(command), args, ...(command.result !== undefined && { result: command.result }) };
}
