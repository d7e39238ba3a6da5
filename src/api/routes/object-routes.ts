import type { TObject, TSchema } from 'typebox';
import type { ObjectKind } from '../../machines/object-schemas.ts';
import type { ObjectDocument, StoredObject } from '../../machines/object-store.ts';
import type { Api } from '../api.ts';
import type { ServicePlane } from '../control-plane.ts';
import { requireMatch, sendTagged } from '../etag.ts';
import { pageOfItems } from '../listing.ts';
import type { ListingQuery, SortKeys } from '../listing.ts';
import { ProblemError } from '../problems.ts';
import { actorOf, note } from '../request-context.ts';
import { objectName } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { shape } from '../schemas/fields.ts';
import { answers, answersNothing, base, nameParam } from './describe.ts';
import { alreadyThere, doneOf, notFound, objectKey } from './outcomes.ts';

interface WholeObject {
  readonly name: string;
  readonly updatedAt?: string;
}

/** A kind of object that is read and written as a whole: all but machines. */
export interface WholeObjects<Resource extends WholeObject> {
  readonly kind: ObjectKind;
  readonly noun: string;
  /** `Profile`, `Profiles` in operation ids. */
  readonly one: string;
  readonly many: string;
  readonly schema: TSchema;
  readonly pageSchema: TSchema;
  readonly querySchema: TObject;
  readonly writeSchema: TSchema;
  /** As they are now: asked for anew with each request. */
  resources(): (stored: StoredObject) => Resource;
  /** What a list is sorted by, beside the name and the last change. */
  readonly sorts?: SortKeys<Resource>;
  /** What a query of a list asks for. */
  matches(query: Readonly<Record<string, unknown>>): (resource: Resource) => boolean;
}

const params = shape('Which one.', { name: objectName('Its name.', 'lab') });
const dryRun = shape('How to change it.', dryRunQuery);

export function addWholeObjectRoutes<Resource extends WholeObject>(app: Api, plane: ServicePlane, kinds: WholeObjects<Resource>): void {
  const { kind, noun, one, many, schema } = kinds;
  const tags = [noun];
  const singular = kind.toLowerCase();
  const find = (name: string): StoredObject => {
    const stored = plane.objects.current.find(kind, name);
    if (stored === undefined) throw notFound(singular, name);
    return stored;
  };
  const nowOf = ({ name, revision, updatedBy, updatedMs }: StoredObject) => ({
    object: objectKey(kind, name),
    revision,
    updatedBy,
    updatedMs,
  });

  app.get(
    `${base}/${noun}`,
    {
      config: { access: { role: 'viewer', noun } },
      schema: { operationId: `list${many}`, summary: `List ${noun}`, tags, querystring: kinds.querySchema, ...answers(kinds.pageSchema) },
    },
    (request) => {
      const query = request.query as ListingQuery & Record<string, unknown>;
      const matches = kinds.matches(query);
      return pageOfItems(plane.objects.current.list(kind).map(kinds.resources()).filter(matches), query, ({ name }) => name, {
        updatedAt: ({ updatedAt = '' }) => updatedAt,
        ...kinds.sorts,
      });
    },
  );

  app.get(
    `${base}/${noun}/${nameParam}`,
    {
      config: { access: { role: 'viewer', noun } },
      schema: { operationId: `get${one}`, summary: `Show one of the ${noun}`, tags, params, ...answers(schema) },
    },
    (request, reply) => {
      const stored = find(request.params.name);
      return sendTagged(request, reply, kinds.resources()(stored), stored.revision);
    },
  );

  app.post(
    `${base}/${noun}`,
    {
      config: { access: { role: 'operator', noun }, action: `${singular}.create` },
      schema: {
        operationId: `create${one}`,
        summary: `Add one of the ${noun}`,
        tags,
        querystring: dryRun,
        body: kinds.writeSchema,
        ...answers(schema, 201),
      },
    },
    async (request, reply) => {
      const { body } = request as { readonly body: { readonly name: string } };
      const { name } = body;
      note(request, objectKey(kind, name));
      const document = { ...body, kind, name } as ObjectDocument;
      const isDry = request.query.dryRun === true;
      const outcome = await plane.objects.commit([{ kind, name, revision: 0, document }], { author: actorOf(request).name, dryRun: isDry });
      if (outcome.kind === 'conflict') throw alreadyThere(kind, name, outcome.conflicts);
      const [stored] = doneOf(outcome, objectKey(kind, name)).objects;
      if (stored === undefined) throw new Error(`${kind} ${name} was stored, and is not told`);
      void reply.code(isDry ? 200 : 201).header('location', `${base}/${noun}/${encodeURIComponent(name)}`);
      return sendTagged(request, reply, kinds.resources()(stored), stored.revision);
    },
  );

  app.put(
    `${base}/${noun}/${nameParam}`,
    {
      config: { access: { role: 'operator', noun }, action: `${singular}.replace` },
      schema: {
        operationId: `replace${one}`,
        summary: `Change one of the ${noun} as a whole; If-Match is required`,
        tags,
        params,
        querystring: dryRun,
        body: kinds.writeSchema,
        ...answers(schema),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { body } = request as { readonly body: { readonly name: string } };
      const before = find(name);
      requireMatch(request, nowOf(before));
      if (body.name !== name)
        throw new ProblemError('invalid-request', `The name cannot be changed: make a new one, and delete ${name}.`, {
          errors: [{ pointer: '/name', detail: `must be ${name}` }],
        });
      const document = { ...body, kind, name } as ObjectDocument;
      const outcome = await plane.objects.commit([{ kind, name, revision: before.revision, document }], {
        author: actorOf(request).name,
        dryRun: request.query.dryRun === true,
      });
      const [stored] = doneOf(outcome, objectKey(kind, name)).objects;
      return sendTagged(request, reply, kinds.resources()(stored ?? before), (stored ?? before).revision);
    },
  );

  app.delete(
    `${base}/${noun}/${nameParam}`,
    {
      config: { access: { role: 'operator', noun }, action: `${singular}.delete` },
      schema: {
        operationId: `delete${one}`,
        summary: `Delete one of the ${noun} that nothing uses; If-Match is required`,
        tags,
        params,
        querystring: dryRun,
        ...answersNothing('It is gone.'),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const before = find(name);
      requireMatch(request, nowOf(before));
      const outcome = await plane.objects.commit([{ kind, name, revision: before.revision }], {
        author: actorOf(request).name,
        dryRun: request.query.dryRun === true,
      });
      doneOf(outcome, objectKey(kind, name));
      return reply.code(204).send();
    },
  );
}

/** What a stored object says of itself. */
export function storedFields({ document, revision, createdMs, updatedMs, updatedBy }: StoredObject): Readonly<Record<string, unknown>> {
  const { kind: _, ...fields } = document;
  return { ...fields, revision, createdAt: new Date(createdMs).toISOString(), updatedAt: new Date(updatedMs).toISOString(), updatedBy };
}
