import { Type } from 'typebox';
import type { Api, ApiParts } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { problemAdvice } from '../problem-reference.ts';
import { ProblemError, problemKinds, problemsPath } from '../problems.ts';
import type { ProblemKind } from '../problems.ts';
import { shape, text } from '../schemas/fields.ts';
import { healthSchema } from '../schemas/health.ts';
import { answers, base } from './describe.ts';

const tags = ['service'];
const access = { role: 'nobody', noun: 'service' } as const;

/** What the API says of itself: nobody has to log in for it. */
export function addMetaRoutes(app: Api, plane: ServicePlane, { version }: ApiParts): void {
  let startedMs: number | undefined;
  app.addHook('onReady', async () => {
    startedMs = plane.clock.now();
  });

  app.get(
    `${base}/health`,
    {
      config: { access },
      schema: { operationId: 'getHealth', summary: 'Whether the service does its work', tags, ...answers(healthSchema) },
    },
    () => {
      const nowMs = plane.clock.now();
      const sinceMs = startedMs ?? nowMs;
      const health = plane.health?.() ?? { state: 'ok' as const, reason: 'serving', sinceMs };
      return {
        state: health.state,
        reason: health.reason,
        since: new Date(health.sinceMs).toISOString(),
        version,
        uptimeSeconds: Math.max(0, Math.floor((nowMs - sinceMs) / 1000)),
      };
    },
  );

  app.get(
    `${base}/openapi.json`,
    {
      config: { access },
      schema: {
        operationId: 'getOpenApi',
        summary: 'This API as an OpenAPI 3.1 document',
        tags,
        ...answers(Type.Record(Type.String(), Type.Unknown(), { description: 'The document.', examples: [{ openapi: '3.1.0' }] })),
      },
    },
    () => app.swagger() as unknown as Record<string, unknown>,
  );

  app.get(
    `${problemsPath}/:kind`,
    {
      config: { access },
      schema: {
        operationId: 'explainProblem',
        summary: 'What a kind of problem means: where `type` points to',
        tags,
        params: shape('Which kind.', { kind: text('The last part of `type`.', 'not-found', 64) }),
        ...answers(
          shape(
            'A kind of problem.',
            {
              kind: text('The last part of `type`.', 'not-found'),
              title: text('In words.', 'There is no such thing'),
              status: Type.Integer({ description: 'The HTTP status.', examples: [404] }),
              advice: text('What to do.', 'List what there is.', 4096),
            },
            { kind: 'not-found', title: 'There is no such thing', status: 404, advice: 'List what there is.' },
          ),
        ),
      },
    },
    ({ params: { kind } }) => {
      if (!Object.hasOwn(problemKinds, kind)) throw new ProblemError('not-found', `There is no kind of problem ${kind}.`);
      return { kind, ...problemKinds[kind as ProblemKind], advice: problemAdvice(kind as ProblemKind) };
    },
  );
}
