import type { Static } from 'typebox';
import type { PropertyReading } from '../../manager/manager-control.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { holds, naturalKey, pageOfItems } from '../listing.ts';
import type { Page } from '../schemas/page.ts';
import {
  hostPropertyQuerySchema,
  propertyAnswerSchema,
  propertyPageSchema,
  propertyQuerySchema,
  propertyWishSchema,
} from '../schemas/property.ts';
import type { PropertyResource } from '../schemas/property.ts';
import { answered, managerOf } from './asked.ts';
import { answers, base, nameParam } from './describe.ts';
import { hostParams } from './hosts.ts';
import { notFound } from './outcomes.ts';
import { propertyResource } from './property-resource.ts';

/** What agents extracted from their hosts. */
export function addPropertyRoutes(app: Api, plane: ServicePlane): void {
  app.get(
    `${base}/properties`,
    {
      config: { access: { role: 'viewer', noun: 'properties' } },
      schema: {
        operationId: 'listProperties',
        summary: 'List the last values of all hosts',
        tags: ['properties'],
        querystring: propertyQuerySchema,
        ...answers(propertyPageSchema),
      },
    },
    ({ query }) => page(plane, managerOf(plane).properties(query.machine), query),
  );

  app.get(
    `${base}/hosts/${nameParam}/properties`,
    {
      config: { access: { role: 'viewer', noun: 'hosts' } },
      schema: {
        operationId: 'listHostProperties',
        summary: 'List the last values of a host',
        tags: ['hosts'],
        params: hostParams,
        querystring: hostPropertyQuerySchema,
        ...answers(propertyPageSchema),
      },
    },
    ({ params: { name }, query }) => {
      const manager = managerOf(plane);
      if (manager.host(name) === undefined) throw notFound('host', name);
      return page(plane, manager.properties(name), query);
    },
  );

  app.post(
    `${base}/hosts/${nameParam}::query`,
    {
      config: { access: { role: 'operator', noun: 'hosts' }, reads: true },
      schema: {
        operationId: 'queryHost',
        summary: 'Let the agent of a host extract properties now',
        tags: ['hosts'],
        params: hostParams,
        body: propertyWishSchema,
        ...answers(propertyAnswerSchema),
      },
    },
    async ({ params: { name }, body: { names } }) => {
      const { result } = answered(await managerOf(plane).query(name, names));
      return { items: result.map((reading) => propertyResource(reading, plane.clock.now())) };
    },
  );
}

function page(
  { clock }: ServicePlane,
  readings: readonly PropertyReading[],
  query: Static<typeof hostPropertyQuerySchema>,
): Page<PropertyResource> {
  const names = query.name?.split(',').map((name) => name.trim());
  const found = readings.filter(({ machine, name }) => (names === undefined || names.includes(name)) && holds(query.q, name, machine));
  const { items, ...rest } = pageOfItems(found, query, ({ machine, name }) => `${naturalKey(machine)} ${name}`, { at: ({ atMs }) => atMs });
  const nowMs = clock.now();
  return { ...rest, items: items.map((reading) => propertyResource(reading, nowMs, query.history)) };
}
