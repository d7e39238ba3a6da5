import { Type } from 'typebox';
import { cursorOf, positionOf } from '../cursor.ts';
import type { Api, ApiParts } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { ProblemError } from '../problems.ts';
import { actorOf } from '../request-context.ts';
import { eventExample, eventPageSchema, eventQuerySchema, eventStreamQuerySchema } from '../schemas/event.ts';
import { problemSchema } from '../schemas/problem.ts';
import { answers, base } from './describe.ts';
import { eventFilter, eventResource } from './event-resource.ts';

const eventText = Type.String({
  description: 'Events without end.',
  examples: [`id: 1042\ndata: ${JSON.stringify(eventExample)}\n\n`],
});
const tags = ['events'];
const access = { role: 'viewer', noun: 'events' } as const;

export function addEventRoutes(app: Api, plane: ServicePlane, { streams, authenticator }: ApiParts): void {
  app.get(
    `${base}/events`,
    {
      config: { access },
      schema: {
        operationId: 'listEvents',
        summary: 'List what happened',
        tags,
        querystring: eventQuerySchema,
        ...answers(eventPageSchema),
      },
    },
    async ({ query }) => {
      const { limit = 50, cursor, order = 'newest-first', since, until } = query;
      const [from, last] = cursor === undefined ? [] : positionOf(cursor, ['string', 'number']);
      if (from !== undefined && from !== order)
        throw new ProblemError('invalid-request', 'The cursor is of another order: keep `order` as it was.');
      const position = last === undefined ? {} : order === 'newest-first' ? { before: Number(last) } : { after: Number(last) };
      const events = await plane.events.page({
        ...eventFilter(query),
        ...position,
        ...(since !== undefined && { sinceMs: Date.parse(since) }),
        ...(until !== undefined && { untilMs: Date.parse(until) }),
        order,
        limit: limit + 1,
      });
      const items = events.slice(0, limit);
      const end = items.at(-1);
      return {
        items: items.map(eventResource),
        ...(events.length > limit && end !== undefined && { nextCursor: cursorOf([order, end.id]) }),
      };
    },
  );

  app.get(
    `${base}/events/stream`,
    {
      // A HEAD would never end.
      exposeHeadRoute: false,
      config: { access },
      schema: {
        operationId: 'streamEvents',
        summary: 'Follow what happens as server-sent events: the id of each is its number, `reset` says that some were left out',
        tags,
        querystring: eventStreamQuerySchema,
        response: {
          200: { description: 'Events without end.', content: { 'text/event-stream': { schema: eventText } } },
          default: { description: 'What went wrong.', content: { 'application/problem+json': { schema: problemSchema } } },
        },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      await streams.run(request, reply, {
        account: actor.name,
        filter: eventFilter(request.query),
        after: lastEventId(request.headers['last-event-id']) ?? request.query.after,
        mayGoOn: () => authenticator.stillCounts(actor),
      });
    },
  );
}

function lastEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  const id = Number(header);
  if (typeof header !== 'string' || !/^\d{1,15}$/.test(header))
    throw new ProblemError('invalid-request', 'Last-Event-ID is not the number of an event.');
  return id;
}
