import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { junk, valueOf } from './schema-values.ts';
import type { JsonSchema } from './schema-values.ts';

export interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: JsonSchema; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema; readonly example?: unknown }>> };
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export interface FuzzRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload?: string;
}

/** Names that there are, so that not every request ends at 404. */
const names: Readonly<Record<string, readonly string[]>> = {
  machines: ['post01', 'post02', 'spare', '52-54-00-00-00-99'],
  profiles: ['dom0', 'installer'],
  subnets: ['lab'],
  templates: ['menu.lst', 'boot.ipxe', 'own'],
  images: ['dom0@1', 'dom0@2'],
  leases: ['192.168.0.150'],
  users: ['viewer', 'operator'],
  boots: ['boot-1'],
  environments: ['worker', 'gateway'],
  roles: ['farm'],
  triggers: ['more-workers'],
  hosts: ['post01', 'post02'],
  vms: ['worker-1', 'worker-2', 'gateway-1'],
  commands: ['c-1', 'c-2'],
};

const odd = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom('..', '../..', '%00', ':', 'a:b', ' ', '\u0000', '🦊', '__proto__', '-1', '1e9', 'x'.repeat(200)),
);

function mostly<T>(right: Arbitrary<T>, wrong: Arbitrary<T>): Arbitrary<T> {
  return fc.oneof({ weight: 24, arbitrary: right }, { weight: 1, arbitrary: wrong });
}

const headers = fc.record({
  'content-type': mostly(
    fc.constant('application/json'),
    fc.constantFrom('text/plain', 'application/xml', 'application/merge-patch+json', 'application/json; charset=latin1', ''),
  ),
  'if-match': fc.oneof(
    { weight: 5, arbitrary: fc.constant('*') },
    { weight: 1, arbitrary: fc.constantFrom('"1"', '"1-x"', 'W/"1"', '"', ',,,', '""', '"99999999999999999999"') },
  ),
  'if-none-match': mostly(fc.constant('"none"'), fc.constantFrom('*', '"1"', 'W/"', 'junk')),
  'idempotency-key': mostly(fc.uuid(), fc.constantFrom('a', 'b', ' ', 'x'.repeat(300), '\u00e9')),
  'last-event-id': mostly(fc.constant('0'), fc.constantFrom('-1', 'x', '9'.repeat(30))),
});

/** Requests of one route: mostly such as its schema asks for, each with something odd here or there. */
export function requestsOf(path: string, method: string, operation: Operation, { components }: OpenApi): Arbitrary<FuzzRequest> {
  const { parameters = [], requestBody } = operation;
  const wanted = Object.values(requestBody?.content ?? {})[0];
  const [, noun = ''] = /^\/api\/v1\/(\w+)/.exec(path) ?? [];
  const value = (parameter: NonNullable<Operation['parameters']>[number]): Arbitrary<unknown> => {
    const known = parameter.name === 'machine' ? names['machines'] : parameter.in === 'path' ? names[noun] : undefined;
    if (known !== undefined) return mostly<unknown>(fc.constantFrom(...known), odd);
    const right = { weight: 8, arbitrary: fc.constant(parameter.example ?? 'x') };
    return mostly<unknown>(fc.oneof(right, { weight: 1, arbitrary: valueOf(parameter.schema, components.schemas) }), odd);
  };
  const of = (place: string) => Object.fromEntries(parameters.filter((each) => each.in === place).map((each) => [each.name, value(each)]));
  const raw = fc.oneof(fc.string(), fc.constantFrom('{', '[', '"', '{"a":1,', '{"__proto__":{"x":1}}', 'null', ''));
  const body = wanted === undefined ? fc.constant(undefined) : bodyOf(wanted.schema, wanted.example, components.schemas);
  const parts = fc.record({
    params: fc.record(of('path')),
    query: fc.record(of('query'), { requiredKeys: [] }),
    headers,
    body,
    raw: mostly<string | null>(fc.constant(null), raw),
  });
  return parts.map((part) => requestOf(path, method, part));
}

/** The example as it stands or with one value of it swapped, or something made from the schema, or junk. */
function bodyOf(schema: JsonSchema, example: unknown, named: OpenApi['components']['schemas']): Arbitrary<unknown> {
  const swapped = fc.tuple(fc.nat(), fc.oneof(junk, valueOf(schema, named))).map(([at, value]) => withSwapped(example, at, value));
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(example) },
    { weight: 4, arbitrary: swapped },
    { weight: 3, arbitrary: valueOf(schema, named) },
    { weight: 1, arbitrary: junk },
  );
}

/** A copy with one of its fields, at any depth, in place of another value. */
function withSwapped(example: unknown, at: number, value: unknown): unknown {
  const copy: unknown = structuredClone(example);
  const places: { readonly holder: Record<string, unknown>; readonly key: string }[] = [];
  const walk = (holder: unknown): void => {
    if (typeof holder !== 'object' || holder === null) return;
    for (const [key, item] of Object.entries(holder)) {
      places.push({ holder: holder as Record<string, unknown>, key });
      walk(item);
    }
  };
  walk(copy);
  const place = places[at % Math.max(1, places.length)];
  if (place === undefined) return value;
  place.holder[place.key] = value;
  return copy;
}

interface Parts {
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<'content-type', string>>;
  readonly body: unknown;
  readonly raw: string | null;
}

function requestOf(path: string, method: string, part: Parts): FuzzRequest {
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(textOf(part.params[name])));
  const query = new URLSearchParams(Object.entries(part.query).map(([name, each]) => [name, textOf(each)])).toString();
  const payload = method === 'GET' ? undefined : (part.raw ?? (part.body === undefined ? undefined : JSON.stringify(part.body)));
  const { 'content-type': type, ...others } = part.headers;
  return {
    method,
    url: query === '' ? place : `${place}?${query}`,
    headers: { ...others, ...(payload !== undefined && { 'content-type': type }) },
    ...(payload !== undefined && { payload }),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
