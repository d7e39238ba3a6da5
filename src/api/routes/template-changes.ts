import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TemplateChangeResult, TemplateRequest } from '../../templates/template-view.ts';
import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { checkMatch, requireMatch, sendTagged } from '../etag.ts';
import { isDryRun } from '../idempotency.ts';
import { actorOf, note } from '../request-context.ts';
import { shape } from '../schemas/fields.ts';
import { dryRunQuery } from '../schemas/page.ts';
import {
  draftWriteSchema,
  publishResultSchema,
  publishSchema,
  restoreSchema,
  rollbackSchema,
  templateSchema,
} from '../schemas/template.ts';
import type { PublishResult } from '../schemas/template.ts';
import { answers, answersNothing, base, nameParam } from './describe.ts';
import { changeDone, checkResource, templateResource } from './template-resource.ts';
import { templateOf, templateParams, textBodyLimit } from './templates.ts';

const tags = ['templates'];
const access = { role: 'operator', noun: 'templates' } as const;
const dryRun = shape('How to change it.', dryRunQuery);

/** Drafts and what is served. Each change names the revision that it rests on. */
export function addTemplateChangeRoutes(app: Api, plane: ControlPlane): void {
  app.put(
    `${base}/templates/${nameParam}/draft`,
    {
      bodyLimit: textBodyLimit,
      config: { access, action: 'template.draft' },
      schema: {
        operationId: 'saveDraft',
        summary: 'Keep a text that is not served yet; If-Match is required where the template is there',
        tags,
        params: templateParams,
        querystring: dryRun,
        body: draftWriteSchema,
        ...answers(templateSchema),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { text } = request.body;
      note(request, `template/${name}`, { characters: text.length });
      const view = plane.templates.get(name);
      const now = { object: `template/${name}`, revision: view?.revision ?? 0, updatedBy: view?.updatedBy, updatedMs: view?.updatedMs };
      if (view === undefined) checkMatch(request, now);
      else requireMatch(request, now);
      const { template } = changeDone(await plane.templates.saveDraft(name, { ...requestOf(request, now.revision), text }), name);
      if (template === undefined) throw new Error(`a draft of ${name} was saved, and is not told`);
      return sendTagged(request, reply, templateResource(plane.templates, template), template.revision);
    },
  );

  app.delete(
    `${base}/templates/${nameParam}/draft`,
    {
      config: { access, action: 'template.discard' },
      schema: {
        operationId: 'discardDraft',
        summary: 'Throw the draft away; If-Match is required',
        tags,
        params: templateParams,
        querystring: dryRun,
        ...answersNothing('There is no draft any more.'),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      changeDone(await plane.templates.discardDraft(name, requestOf(request, matched(plane, request, name))), name);
      return reply.code(204).send();
    },
  );

  app.delete(
    `${base}/templates/${nameParam}`,
    {
      config: { access, action: 'template.delete' },
      schema: {
        operationId: 'deleteTemplate',
        summary: 'Delete a template that is neither shipped nor used; If-Match is required',
        tags,
        params: templateParams,
        querystring: dryRun,
        ...answersNothing('It is gone.'),
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      changeDone(await plane.templates.remove(name, requestOf(request, matched(plane, request, name))), name);
      return reply.code(204).send();
    },
  );

  app.post(
    `${base}/templates/${nameParam}::publish`,
    {
      config: { access, action: 'template.publish', emptyBody: true },
      schema: { ...common('publishTemplate', 'Serve the draft, for good or on trial; If-Match is required'), body: publishSchema },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { note: why, force, trySeconds } = request.body;
      note(request, `template/${name}`, { ...request.body });
      const result = await plane.templates.publish(name, {
        ...requestOf(request, matched(plane, request, name)),
        ...(why !== undefined && { note: why }),
        ...(force !== undefined && { force }),
        ...(trySeconds !== undefined && { tryMs: trySeconds * 1000 }),
      });
      return sendServed(plane, request, reply, name, result);
    },
  );

  app.post(
    `${base}/templates/${nameParam}::confirm`,
    {
      config: { access, action: 'template.confirm' },
      schema: common('confirmTemplate', 'Keep what is served on trial; If-Match is required'),
    },
    async (request, reply) => {
      const { name } = request.params;
      const result = await plane.templates.confirm(name, requestOf(request, matched(plane, request, name)));
      return sendServed(plane, request, reply, name, result);
    },
  );

  app.post(
    `${base}/templates/${nameParam}::rollback`,
    {
      config: { access, action: 'template.rollback', emptyBody: true },
      schema: {
        ...common('rollBackTemplate', 'Serve the text of an earlier version, as a new version; If-Match is required'),
        body: rollbackSchema,
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { to, note: why, force } = request.body;
      note(request, `template/${name}`, { ...request.body });
      const revision = matched(plane, request, name);
      const result = await plane.templates.rollback(name, {
        ...requestOf(request, revision),
        version: to ?? (await versionBefore(plane, name)),
        ...(why !== undefined && { note: why }),
        ...(force !== undefined && { force }),
      });
      return sendServed(plane, request, reply, name, result);
    },
  );

  app.post(
    `${base}/templates/${nameParam}::restore`,
    {
      config: { access, action: 'template.restore', emptyBody: true },
      schema: { ...common('restoreTemplate', 'Serve the shipped file again; If-Match is required'), body: restoreSchema },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { note: why, force } = request.body;
      note(request, `template/${name}`, { ...request.body });
      const result = await plane.templates.restore(name, {
        ...requestOf(request, matched(plane, request, name)),
        ...(why !== undefined && { note: why }),
        ...(force !== undefined && { force }),
      });
      return sendServed(plane, request, reply, name, result);
    },
  );
}

function common(operationId: string, summary: string) {
  return { operationId, summary, tags, params: templateParams, querystring: dryRun, ...answers(publishResultSchema) };
}

function matched(plane: ControlPlane, request: FastifyRequest, name: string): number {
  const { revision, updatedBy, updatedMs } = templateOf(plane, name);
  requireMatch(request, { object: `template/${name}`, revision, updatedBy, updatedMs });
  return revision;
}

function requestOf(request: FastifyRequest, revision: number): TemplateRequest {
  return { revision, author: actorOf(request).name, dryRun: isDryRun(request) };
}

/** The newest version before the one that is served; 0, the shipped file, where there is none. */
async function versionBefore(plane: ControlPlane, name: string): Promise<number> {
  const { version: served } = templateOf(plane, name);
  const versions = await plane.templates.versions(name);
  return versions.find(({ version }) => version < served)?.version ?? 0;
}

function sendServed(
  plane: ControlPlane,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
  result: TemplateChangeResult,
): FastifyReply {
  const { template, written, check } = changeDone(result, name);
  if (template === undefined) throw new Error(`${name} is served, and is not told`);
  const body: PublishResult = {
    template: templateResource(plane.templates, template),
    written,
    ...(check !== undefined && { check: checkResource(name, check) }),
  };
  return sendTagged(request, reply, body, template.revision);
}
