import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { holds, pageOfItems } from '../listing.ts';
import { ProblemError } from '../problems.ts';
import { objectName, optional, shape, text } from '../schemas/fields.ts';
import { pageQuery, totalQuery } from '../schemas/page.ts';
import {
  checkResultSchema,
  renderResultSchema,
  renderSchema,
  templateCheckRequestSchema,
  templateDiffSchema,
  templatePageSchema,
  templateQuerySchema,
  templateSchema,
  templateVersionPageSchema,
  templateVersionSchema,
} from '../schemas/template.ts';
import type { RenderResult } from '../schemas/template.ts';
import type { DiffReference } from '../../templates/template-library.ts';
import type { TemplateView } from '../../templates/template-view.ts';
import { Type } from 'typebox';
import { answers, base, nameParam } from './describe.ts';
import { machineOf } from './machines.ts';
import { notFound } from './outcomes.ts';
import {
  checkResource,
  problemResource,
  refusalProblem,
  templateResource,
  templateSummary,
  versionResource,
  versionSummary,
} from './template-resource.ts';

export const templateParams = shape('Which template.', { name: objectName('Its name.', 'menu.lst') });
/** The longest text, as JSON may write it: six characters for one. */
export const textBodyLimit = 2 * 1024 * 1024;
const tags = ['templates'];
const access = { role: 'viewer', noun: 'templates' } as const;

/** Reading templates, and trying what a text would do: nothing changes by it. */
export function addTemplateRoutes(app: Api, plane: ControlPlane): void {
  app.get(
    `${base}/templates`,
    {
      config: { access },
      schema: {
        operationId: 'listTemplates',
        summary: 'List templates',
        tags,
        querystring: templateQuerySchema,
        ...answers(templatePageSchema),
      },
    },
    ({ query }) => {
      const views = plane.templates.list().filter(({ name }) => holds(query.q, name));
      const { items, ...rest } = pageOfItems(views, query, ({ name }) => name);
      return { ...rest, items: items.map((view) => templateSummary(plane.templates, view)) };
    },
  );

  app.get(
    `${base}/templates/${nameParam}`,
    {
      config: { access },
      schema: {
        operationId: 'getTemplate',
        summary: 'Show a template with its text and its draft',
        tags,
        params: templateParams,
        ...answers(templateSchema),
      },
    },
    (request, reply) => {
      const view = templateOf(plane, request.params.name);
      return sendTagged(request, reply, templateResource(plane.templates, view), view.revision);
    },
  );

  app.get(
    `${base}/templates/${nameParam}/versions`,
    {
      config: { access },
      schema: {
        operationId: 'listTemplateVersions',
        summary: 'List what was published of a template, newest first',
        tags,
        params: templateParams,
        querystring: shape('Which versions.', { ...pageQuery, ...totalQuery }),
        ...answers(templateVersionPageSchema),
      },
    },
    async ({ params: { name }, query }) => {
      templateOf(plane, name);
      const versions = (await plane.templates.versions(name)).map(versionSummary);
      const byVersion = { version: ({ version }: (typeof versions)[number]) => version };
      return pageOfItems(versions, { ...query, sort: '-version' }, (each) => each.name, byVersion);
    },
  );

  app.get(
    `${base}/templates/${nameParam}/versions/:version`,
    {
      config: { access },
      schema: {
        operationId: 'getTemplateVersion',
        summary: 'Show a version of a template with its text; 0 is the shipped file',
        tags,
        params: shape('Which version.', {
          ...templateParams.properties,
          version: Type.Integer({ minimum: 0, description: 'Its number.', examples: [3] }),
        }),
        ...answers(templateVersionSchema),
      },
    },
    async (request, reply) => {
      const { name, version } = request.params;
      const found = await plane.templates.version(name, version);
      if (found === undefined) throw notFound(`version ${version} of template`, name);
      return sendTagged(request, reply, versionResource(found));
    },
  );

  app.get(
    `${base}/templates/${nameParam}::diff`,
    {
      config: { access },
      schema: {
        operationId: 'diffTemplate',
        summary: 'How two texts of a template differ',
        tags,
        params: templateParams,
        querystring: shape('Which two.', {
          from: optional(
            text(
              'A version, `shipped`, `published` or `draft`; `published` without it, `shipped` where there is no draft.',
              'published',
              16,
            ),
          ),
          to: optional(text('Likewise; `draft` without it, `published` where there is no draft.', 'draft', 16)),
        }),
        ...answers(templateDiffSchema),
      },
    },
    async ({ params: { name }, query }) => {
      const hasDraft = templateOf(plane, name).draft !== undefined;
      const { from = hasDraft ? 'published' : 'shipped', to = hasDraft ? 'draft' : 'published' } = query;
      const result = await plane.templates.diff(name, referenceOf('from', from), referenceOf('to', to));
      if (result.kind === 'refused') throw refusalProblem(result);
      return { name, from, to, same: result.diff === '', diff: result.diff };
    },
  );

  app.post(
    `${base}/templates/${nameParam}::render`,
    {
      bodyLimit: textBodyLimit,
      config: { access, reads: true, emptyBody: true },
      schema: {
        operationId: 'renderTemplate',
        summary: 'What a machine would get of a text that need not be saved',
        tags,
        params: templateParams,
        querystring: shape('For whom.', { machine: objectName('The machine.', 'post01') }),
        body: renderSchema,
        ...answers(renderResultSchema),
      },
    },
    async ({ params: { name }, query: { machine }, body }) => {
      const view = templateOf(plane, name);
      machineOf(plane, machine);
      return renderResult(plane, name, machine, await wantedText(plane, view, body));
    },
  );

  app.post(
    `${base}/templates/${nameParam}::check`,
    {
      bodyLimit: textBodyLimit,
      config: { access, reads: true, emptyBody: true },
      schema: {
        operationId: 'checkTemplate',
        summary: 'Whether a text renders for every machine that uses the template',
        tags,
        params: templateParams,
        body: templateCheckRequestSchema,
        ...answers(checkResultSchema),
      },
    },
    async ({ params: { name }, body }) => {
      templateOf(plane, name);
      const result = await plane.templates.check(name, body.text);
      if (result.kind === 'refused') throw refusalProblem(result);
      return checkResource(name, result.check);
    },
  );
}

export function templateOf(plane: ControlPlane, name: string): TemplateView {
  const view = plane.templates.get(name);
  if (view === undefined) throw notFound('template', name);
  return view;
}

function renderResult(plane: ControlPlane, name: string, machine: string, wanted: string | undefined): RenderResult {
  const preview = plane.templates.render(name, machine, wanted);
  if (preview.kind === 'failed') {
    const problems = preview.problems?.map(problemResource) ?? [{ template: `${name}.hbs`, line: 0, machine, message: preview.reason }];
    return { name, machine, files: [], problems };
  }
  const files = preview.files.map(({ path, template, bytes }) => ({ path, template, text: Buffer.from(bytes).toString() }));
  const own = files.find(({ template }) => template === name) ?? files[0];
  return { name, machine, ...(own !== undefined && { path: own.path, text: own.text }), files, problems: [] };
}

async function wantedText(
  plane: ControlPlane,
  { name, draft }: TemplateView,
  wanted: { readonly text?: string; readonly version?: number },
): Promise<string | undefined> {
  if (wanted.text !== undefined) return wanted.text;
  if (wanted.version === undefined) return draft?.text;
  const version = await plane.templates.version(name, wanted.version);
  if (version === undefined) throw notFound(`version ${wanted.version} of template`, name);
  return version.text;
}

function referenceOf(parameter: string, reference: string): DiffReference {
  if (reference === 'draft' || reference === 'shipped' || reference === 'published') return reference;
  if (/^\d{1,9}$/.test(reference)) return Number(reference);
  throw new ProblemError('invalid-request', `${parameter} is no text of a template.`, {
    errors: [{ pointer: `?${parameter}`, detail: 'must be a version, shipped, published or draft' }],
  });
}
