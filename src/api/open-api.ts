import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { namedSchemas } from './named-schemas.ts';

/** Stands for the colon before an action while swagger takes colons for parameters. */
const actionMark = '~';

const description = `Machines, profiles, templates and the boots of a lab, and the hosts and VMs that come of them, as virtdom sees them.

Every refusal is application/problem+json (RFC 9457); \`type\` is an address of this service that explains it. A list takes
\`limit\` and \`cursor\` and answers \`items\` and \`nextCursor\`. A single resource has a strong \`ETag\`; where it has a revision
the tag is \`"<revision>-<hash>"\`, and \`If-Match\` compares the revision, so that a machine that goes on booting is no reason
to refuse an edit. \`If-Match\` must be sent to change templates and every document but machines. \`Idempotency-Key\` on a POST makes a
repeat harmless for 24 hours, but for routes whose bodies or answers hold a secret, which keep nothing. \`dryRun=true\` checks
a change and answers as for it, and changes nothing. Times are RFC 3339 in UTC.`;

export function openApiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'virtdom', version, description, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'An API token: `vd_…`.' },
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: '__Host-virtdom',
            description: 'What POST /session sets; `virtdom-session` without TLS.',
          },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const { access } = route.config ?? {};
      const security = access?.role === 'nobody' ? [] : [{ token: [] }, { session: [] }];
      const who = access === undefined || access.role === 'nobody' ? 'Everybody.' : `Role ${access.role}, scope ${access.noun}.`;
      const text = schema?.description === undefined ? who : `${schema.description} ${who}`;
      const path = url.replaceAll(/:(\w+)\([^)]*\)/g, '{$1}').replaceAll('::', actionMark);
      return { schema: { ...schema, description: text, security }, url: path };
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) return {};
      const { openapiObject } = document;
      const paths = Object.entries(openapiObject.paths ?? {}).map(([path, item]) => [path.replaceAll(actionMark, ':'), item] as const);
      const named = withReferences({
        ...openapiObject,
        paths: Object.fromEntries(paths.sort(([left], [right]) => (left < right ? -1 : 1))),
      });
      return named;
    },
  };
}

/** Each schema that has a name stands once under `components`, and elsewhere as a reference. */
function withReferences(document: object): object {
  const names = new Map(Object.entries(namedSchemas).map(([name, schema]) => [keyOf(plain(schema)), name]));
  const replaced = (value: unknown, isRoot: boolean): unknown => {
    if (Array.isArray(value)) return value.map((item) => replaced(item, false));
    if (!isRecord(value)) return value;
    const name = isRoot ? undefined : names.get(keyOf(value));
    if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, false)]));
  };
  const schemas = Object.fromEntries(Object.entries(namedSchemas).map(([name, schema]) => [name, replaced(plain(schema), true)]));
  const { components, ...rest } = plain(document);
  return { ...(replaced(rest, true) as object), components: { ...(isRecord(components) ? components : {}), schemas } };
}

/** Alike, whatever swagger has moved: it takes examples out of a schema's root. */
function keyOf(value: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(value, (key, item: unknown) => (key === 'examples' ? undefined : item));
}

/** As JSON, with the free names of an object in the words that swagger uses. */
function plain(value: object): Record<string, unknown> {
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (!isRecord(item) || !isRecord(item['patternProperties'])) return item;
    const { patternProperties, ...rest } = item;
    return { ...rest, additionalProperties: Object.values(patternProperties)[0] };
  });
  return JSON.parse(text) as Record<string, unknown>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
