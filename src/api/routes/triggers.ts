import type { ObjectDocument } from '../../machines/object-store.ts';
import { parseDocument } from '../../machines/objects.ts';
import type { TriggerEvaluation, TriggerStatus } from '../../manager/manager-control.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { holds } from '../listing.ts';
import { actorOf } from '../request-context.ts';
import { triggerCheckSchema, triggerPageSchema, triggerQuerySchema, triggerSchema, triggerWriteSchema } from '../schemas/trigger.ts';
import type { EvaluationResource, TriggerCheck, TriggerResource } from '../schemas/trigger.ts';
import { managerOf } from './asked.ts';
import { answers, base } from './describe.ts';
import { addWholeObjectRoutes, storedFields } from './object-routes.ts';
import { sentence, timeOf } from './wording.ts';

export function addTriggerRoutes(app: Api, plane: ServicePlane): void {
  addWholeObjectRoutes<TriggerResource>(app, plane, {
    kind: 'Trigger',
    noun: 'triggers',
    one: 'Trigger',
    many: 'Triggers',
    schema: triggerSchema,
    pageSchema: triggerPageSchema,
    querySchema: triggerQuerySchema,
    writeSchema: triggerWriteSchema,
    resources: () => {
      const known = new Map(plane.manager?.triggers().map((status) => [status.trigger.name, status]));
      return (stored) => ({ ...storedFields(stored), ...statusFields(known.get(stored.name)) }) as unknown as TriggerResource;
    },
    sorts: { firedAt: ({ lastFired }) => lastFired?.at ?? '' },
    matches:
      (query) =>
      ({ name, expr, paused = false }) =>
        holds(query['q'] as string | undefined, name, expr) && (query['paused'] === undefined || query['paused'] === paused),
  });

  app.post(
    `${base}/triggers::check`,
    {
      config: { access: { role: 'viewer', noun: 'triggers' }, reads: true },
      schema: {
        operationId: 'checkTrigger',
        summary: 'What is wrong with a trigger that is not saved, and what it would say now; nothing is done',
        tags: ['triggers'],
        body: triggerWriteSchema,
        ...answers(triggerCheckSchema),
      },
    },
    async (request): Promise<TriggerCheck> => {
      const manager = managerOf(plane);
      const { name } = request.body;
      const document = { ...request.body, kind: 'Trigger', name } as ObjectDocument;
      const revision = plane.objects.current.find('Trigger', name)?.revision ?? 0;
      const options = { author: actorOf(request).name, dryRun: true };
      const outcome = await plane.objects.commit([{ kind: 'Trigger', name, revision, document }], options);
      const problems = outcome.kind === 'invalid' ? outcome.problems : [];
      const { object } = parseDocument('Trigger', document);
      if (object === undefined || problems.length > 0)
        return { valid: false, problems: problems.map(({ pointer, detail }) => ({ pointer, detail: detail.slice(0, 8192) })) };
      const checked = manager.checkTrigger(object);
      return {
        valid: checked.problems.length === 0,
        problems: checked.problems.map(({ pointer, detail }) => ({ pointer, detail: detail.slice(0, 8192) })),
        ...(checked.evaluation !== undefined && { evaluation: evaluationResource(checked.evaluation) }),
      };
    },
  );
}

function statusFields(status: TriggerStatus | undefined): Partial<TriggerResource> {
  const { lastEvaluation, lastFired, nextMs } = status ?? {};
  return {
    ...(lastEvaluation !== undefined && { lastEvaluation: evaluationResource(lastEvaluation) }),
    ...(lastFired !== undefined && {
      lastFired: {
        at: timeOf(lastFired.atMs),
        ...(lastFired.agent !== undefined && { agent: lastFired.agent }),
        outcome: sentence(lastFired.outcome),
      },
    }),
    ...(nextMs !== undefined && { nextAt: timeOf(nextMs) }),
  };
}

function evaluationResource({ atMs, result, reason, inputs, agents }: TriggerEvaluation): EvaluationResource {
  return {
    at: timeOf(atMs),
    result,
    reason: sentence(reason),
    inputs: { ...inputs },
    ...(agents !== undefined && { agents: agents.map((each) => ({ ...each, reason: sentence(each.reason) })) }),
  };
}
