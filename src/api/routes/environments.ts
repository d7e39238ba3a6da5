import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Asked, EnvironmentStatus } from '../../manager/manager-control.ts';
import type { StoredObject } from '../../machines/object-store.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { holds, valuesOf } from '../listing.ts';
import { note } from '../request-context.ts';
import {
  environmentPageSchema,
  environmentQuerySchema,
  environmentSchema,
  environmentStates,
  environmentWriteSchema,
} from '../schemas/environment.ts';
import type { EnvironmentResource, EnvironmentStatusResource } from '../schemas/environment.ts';
import { objectName, shape } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { planQuerySchema, planSchema, scaleSchema } from '../schemas/plan.ts';
import { answered, askedBy, managerOf } from './asked.ts';
import { answers, base, nameParam } from './describe.ts';
import { addWholeObjectRoutes, storedFields } from './object-routes.ts';
import { notFound, objectKey } from './outcomes.ts';
import { planResource } from './plan-resource.ts';
import { sentence, timeOf } from './wording.ts';

const tags = ['environments'];
const params = shape('Which environment.', { name: objectName('Its name.', 'worker') });
const change = { role: 'operator', noun: 'environments' } as const;
const common = (operationId: string, summary: string) => ({
  operationId,
  summary,
  tags,
  params,
  querystring: shape('How to change it.', dryRunQuery),
  ...answers(environmentSchema),
});

/** Environments as documents; with a VM manager, what there is of them, how many are wanted, and the plan. */
export function addEnvironmentRoutes(app: Api, plane: ServicePlane): void {
  addWholeObjectRoutes<EnvironmentResource>(app, plane, {
    kind: 'Environment',
    noun: 'environments',
    one: 'Environment',
    many: 'Environments',
    schema: environmentSchema,
    pageSchema: environmentPageSchema,
    querySchema: environmentQuerySchema,
    writeSchema: environmentWriteSchema,
    resources: () => {
      const known = new Map(plane.manager?.environments().map((status) => [status.environment.name, status]));
      return (stored) => environmentResource(stored, known.get(stored.name));
    },
    sorts: { priority: ({ priority = 0 }) => priority, state: ({ status }) => status?.state ?? '' },
    matches: ({ q, state }) => {
      const states = valuesOf('state', state as string | undefined, environmentStates);
      return ({ name, image, status }) =>
        holds(q as string | undefined, name, image) && (states === undefined || (status !== undefined && states.includes(status.state)));
    },
  });

  const storedOf = (name: string): StoredObject => {
    const stored = plane.objects.current.find('Environment', name);
    if (stored === undefined) throw notFound('environment', name);
    return stored;
  };
  app.post(
    `${base}/environments/${nameParam}::scale`,
    {
      config: { access: change, action: 'environment.scale' },
      schema: { ...common('scaleEnvironment', 'Say how many VMs are wanted, between min and max'), body: scaleSchema },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { count } = request.body;
      note(request, objectKey('Environment', name), { count });
      const manager = managerOf(plane);
      return send(request, reply, storedOf(name), await manager.scale(name, count, askedBy(request)));
    },
  );

  for (const [verb, paused, summary] of [
    ['pause', true, 'Start and stop nothing for it; what runs goes on'],
    ['resume', false, 'Start and stop again what is due; where its document says paused, that stays'],
  ] as const)
    app.post(
      `${base}/environments/${nameParam}::${verb}`,
      { config: { access: change, action: `environment.${verb}` }, schema: common(`${verb}Environment`, summary) },
      async (request, reply) => {
        const { name } = request.params;
        const manager = managerOf(plane);
        return send(request, reply, storedOf(name), await manager.pauseEnvironment(name, paused, askedBy(request)));
      },
    );

  app.get(
    `${base}/environments/${nameParam}::plan`,
    {
      config: { access: { role: 'viewer', noun: 'environments' } },
      schema: {
        operationId: 'planEnvironment',
        summary: 'What the manager would do for it now, or with another count, and why',
        tags,
        params,
        querystring: planQuerySchema,
        ...answers(planSchema),
      },
    },
    ({ params: { name: environment }, query: { count } }) => {
      const manager = managerOf(plane);
      storedOf(environment);
      return planResource(manager.plan({ environment, ...(count !== undefined && { count }) }));
    },
  );
}

function send(request: FastifyRequest, reply: FastifyReply, stored: StoredObject, asked: Asked<EnvironmentStatus>): FastifyReply {
  const { result, told } = answered(asked);
  return sendTagged(request, reply, { ...environmentResource(stored, result), ...told }, stored.revision);
}

function environmentResource(stored: StoredObject, status: EnvironmentStatus | undefined): EnvironmentResource {
  return { ...storedFields(stored), ...(status !== undefined && { status: statusResource(status) }) } as unknown as EnvironmentResource;
}

function statusResource(status: EnvironmentStatus): EnvironmentStatusResource {
  const { wanted, wantedBy, running, ready, starting, troubled, paused, state, reason, sinceMs } = status;
  return {
    wanted,
    wantedBy: sentence(wantedBy),
    running,
    ready,
    starting,
    troubled,
    paused,
    state,
    reason: sentence(reason),
    ...(sinceMs !== undefined && { since: timeOf(sinceMs) }),
  };
}
