import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiRig } from './api-rig.ts';
import { junk, valueOf } from './schema-values.ts';
import type { JsonSchema } from './schema-values.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: JsonSchema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);
const budgetMs = 14_000;
const names = ['post01', 'dom0', 'lab', 'menu.lst', 'dom0@1', '192.168.0.100', '52-54-00-00-00-09'];
const text = fc.oneof(
  fc.constantFrom(...names),
  fc.string({ maxLength: 40 }),
  fc.constantFrom('..', '%00', '%2e%2e%2f', ':', 'a:b', ' ', '\u0000', '🦊', '__proto__'),
);
const headers = fc.record(
  {
    'if-match': fc.constantFrom('*', '"1"', '"1-x"', 'W/"1"', '"', ',,,', '""', '"99999999999999999999"'),
    'if-none-match': fc.constantFrom('*', '"1"', 'W/"', 'junk'),
    'idempotency-key': fc.constantFrom('a', 'b', ' ', 'x'.repeat(300), '\u00e9'),
    'content-type': fc.constantFrom(
      'application/json',
      'application/merge-patch+json',
      'text/plain',
      'application/xml',
      'application/json; charset=latin1',
    ),
    'x-virtdom-request': fc.constant('1'),
    'last-event-id': fc.constantFrom('0', '-1', 'x', '9'.repeat(30)),
  },
  { requiredKeys: [] },
);

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start({ streams: 0 });
});
afterAll(async () => {
  await rig.close();
});

describe('every route', () => {
  it(
    `answers garbage with a problem, never with a failure and never with an insight (FUZZ_SEED=${seed})`,
    { timeout: 60_000 },
    async () => {
      await rig.api.ready();
      const { paths, components } = JSON.parse(JSON.stringify(rig.api.swagger())) as Document;
      const operations = Object.entries(paths).flatMap(([path, item]) =>
        Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
      );
      expect(operations.length).toBeGreaterThan(60);
      const endMs = performance.now() + budgetMs;
      const asked = new Map<string, number>();
      for (let round = 0; performance.now() < endMs; round++) {
        for (const { path, method, operation } of operations) {
          if (performance.now() > endMs && round > 0) break;
          const { parameters = [], requestBody } = operation;
          const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
          const request = fc.record({
            params: fc.record(Object.fromEntries(parameters.filter((each) => each.in === 'path').map(({ name }) => [name, text]))),
            query: fc.record(
              Object.fromEntries(
                parameters
                  .filter((each) => each.in === 'query')
                  .map((each) => [each.name, fc.oneof(text, valueOf(each.schema, components.schemas))]),
              ),
              { requiredKeys: [] },
            ),
            headers,
            body: fc.oneof({ weight: 4, arbitrary: valueOf(schema ?? {}, components.schemas) }, { weight: 1, arbitrary: junk }),
            raw: fc.option(fc.oneof(fc.string(), fc.constantFrom('{', '[', '"', '{"a":1,', '{"__proto__":{"x":1}}', 'null', '')), {
              freq: 5,
            }),
          });
          const [wanted] = fc.sample(request, { numRuns: 1, seed: seed + round * 1000 + asked.size });
          if (wanted === undefined) continue;
          const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(wanted.params[name] ?? '')));
          const query = new URLSearchParams(Object.entries(wanted.query).map(([name, value]) => [name, String(value)])).toString();
          const payload = method === 'GET' ? undefined : (wanted.raw ?? JSON.stringify(wanted.body));
          const answer = await rig.api.inject({
            method: method as 'GET',
            url: query === '' ? url : `${url}?${query}`,
            headers: { 'content-type': 'application/json', ...wanted.headers, authorization: `Bearer ${rig.tokens.get('admin')}` },
            ...(payload !== undefined && { payload }),
          });
          asked.set(operation.operationId, (asked.get(operation.operationId) ?? 0) + 1);
          const told = JSON.stringify({
            method,
            url,
            query,
            payload: payload?.slice(0, 300),
            headers: wanted.headers,
            answer: answer.body.slice(0, 500),
          });
          expect(
            answer.statusCode,
            `${told}\n${rig.log.lines
              .filter(({ level }) => level === 'error')
              .map((line) => String((line.fields['err'] as Error | undefined)?.stack ?? line.message))
              .join('\n')}`,
          ).toBeLessThan(500);
          expect(answer.body, told).not.toMatch(/\bat .*\.ts:\d+|node:internal|SQLITE|ECONN/);
          expect(rig.misfits, told).toEqual([]);
          expect(answer.statusCode < 400 || answer.headers['content-type'] === 'application/problem+json; charset=utf-8', told).toBe(true);
        }
      }
      expect([...asked.keys()].length).toBe(operations.length);
    },
  );
});
