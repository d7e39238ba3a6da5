import { applyDocuments, asDocuments } from '../../machines/apply.ts';
import type { AppliedObject, ApplyOutcome } from '../../machines/apply.ts';
import { orderedDocuments } from '../../machines/export.ts';
import type { ObjectDocument } from '../../machines/object-store.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { ProblemError } from '../problems.ts';
import { actorOf } from '../request-context.ts';
import { applyResultSchema, applySchema, diffResultSchema, exportQuerySchema, exportSchema } from '../schemas/apply.ts';
import type { ApplyRequest, ApplyResult, DiffResult } from '../schemas/apply.ts';
import { shape } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { answers, base } from './describe.ts';
import { conflictProblem, invalidObject, objectKey } from './outcomes.ts';

const tags = ['objects'];
const bodyLimit = 8 * 1024 * 1024;

/** All kinds of objects at once: what is in a file. */
export function addObjectRoutes(app: Api, plane: ServicePlane): void {
  app.post(
    `${base}/objects::apply`,
    {
      bodyLimit,
      config: { access: { role: 'operator', noun: 'objects' }, action: 'objects.apply' },
      schema: {
        operationId: 'applyObjects',
        summary: 'Make objects as they are written here, all or none',
        tags,
        querystring: shape('How.', dryRunQuery),
        body: applySchema,
        ...answers(applyResultSchema),
      },
    },
    async (request) => {
      const dryRun = request.query.dryRun === true;
      const objects = await planned(plane, request.body, actorOf(request).name, dryRun);
      request.auditNotes = objects
        .filter(({ outcome }) => outcome !== 'unchanged')
        .map(({ kind, name, outcome, changes }) => ({
          action: 'objects.apply',
          object: objectKey(kind, name),
          detail: { outcome, fields: changes.slice(0, 50).map(({ pointer }) => pointer) },
        }));
      return applyResult(objects, dryRun);
    },
  );

  app.post(
    `${base}/objects::diff`,
    {
      bodyLimit,
      config: { access: { role: 'viewer', noun: 'objects' }, reads: true },
      schema: {
        operationId: 'diffObjects',
        summary: 'How objects written here differ from those that are there',
        tags,
        body: applySchema,
        ...answers(diffResultSchema),
      },
    },
    async (request): Promise<DiffResult> => {
      const objects = await planned(plane, request.body, actorOf(request).name, true);
      const differing = objects.filter(({ outcome }) => outcome !== 'unchanged');
      return { same: differing.length === 0, objects: differing.map(changeResource) };
    },
  );

  app.get(
    `${base}/objects::export`,
    {
      config: { access: { role: 'viewer', noun: 'objects' } },
      schema: {
        operationId: 'exportObjects',
        summary: 'All objects as people wrote them: what apply takes',
        tags,
        querystring: exportQuerySchema,
        ...answers(exportSchema),
      },
    },
    ({ query: { kind, name } }) => ({
      documents: orderedDocuments(plane.objects.current).filter(
        (document) => (kind === undefined || document.kind === kind) && (name === undefined || document.name === name),
      ),
    }),
  );
}

async function planned(
  plane: ServicePlane,
  { documents, prune = false }: ApplyRequest,
  author: string,
  dryRun: boolean,
): Promise<readonly AppliedObject[]> {
  const read = asDocuments(documents);
  if (read.problems.length > 0)
    throw new ProblemError('invalid-request', 'Not every document is an object with kind and name.', {
      errors: read.problems.map(({ pointer, detail }) => ({ pointer: `/documents${pointer}`, detail })),
    });
  const wanted: readonly ObjectDocument[] = read.documents;
  return appliedOf(await applyDocuments(plane.objects, wanted, { prune, author, dryRun }));
}

/** @throws ProblemError where nothing was applied */
export function appliedOf(outcome: ApplyOutcome): readonly AppliedObject[] {
  if (outcome.kind === 'invalid') throw invalidObject(outcome.problems);
  if (outcome.kind === 'conflict') throw conflictProblem(outcome.conflicts);
  return outcome.objects;
}

export function applyResult(objects: readonly AppliedObject[], dryRun: boolean): ApplyResult {
  const count = (outcome: AppliedObject['outcome']): number => objects.filter((object) => object.outcome === outcome).length;
  return {
    dryRun,
    created: count('created'),
    changed: count('changed'),
    unchanged: count('unchanged'),
    deleted: count('deleted'),
    objects: objects.map(changeResource),
  };
}

function changeResource({ kind, name, outcome, revision, changes }: AppliedObject): ApplyResult['objects'][number] {
  return {
    kind,
    name,
    outcome,
    ...(outcome !== 'deleted' && { revision }),
    ...(outcome === 'changed' && {
      changes: changes.map(({ pointer, before, after }) => ({
        pointer,
        ...(before !== undefined && { from: before }),
        ...(after !== undefined && { to: after }),
      })),
    }),
  };
}
