import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/api/open-api-document.ts';
import { problemReference } from '../../src/api/problem-reference.ts';

const root = resolve(import.meta.dirname, '../..');
const again = 'node src/api/write-reference.ts';

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: unknown }>> };
  readonly responses: Readonly<
    Record<
      string,
      { readonly content?: Readonly<Record<string, { readonly example?: unknown; readonly schema: { readonly examples?: unknown } }>> }
    >
  >;
}

async function operations(): Promise<readonly Operation[]> {
  const { paths } = (await openApiDocument()) as { paths: Record<string, Record<string, Operation>> };
  return Object.values(paths).flatMap((item) => Object.values(item));
}

describe('the OpenAPI document', () => {
  it(`is the one that is committed: after a change, ${again}`, async () => {
    const committed: unknown = JSON.parse(readFileSync(resolve(root, 'docs/openapi.json'), 'utf8'));
    expect(JSON.parse(JSON.stringify(await openApiDocument()))).toEqual(committed);
  });

  it('names every operation once, and says what it is for', async () => {
    const all = await operations();
    const ids = all.map(({ operationId }) => operationId);
    expect(ids.every((id) => id !== undefined && /^[a-z][A-Za-z]+$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect(all.every(({ summary }) => (summary ?? '').length > 5)).toBe(true);
  });

  it('has an example of each body and of each answer that is one thing', async () => {
    const missing = (await operations()).flatMap(({ operationId, requestBody, responses }) => {
      const bodies = Object.values(requestBody?.content ?? {}).filter(({ example }) => example === undefined);
      const answers = Object.entries(responses)
        .filter(([status]) => status !== 'default')
        .flatMap(([, { content = {} }]) =>
          Object.values(content).filter(({ example, schema }) => example === undefined && schema.examples === undefined),
        );
      return [...bodies, ...answers].map(() => operationId);
    });
    expect(missing).toEqual([]);
  });

  it('has no reference to what is not there', async () => {
    const text = JSON.stringify(await openApiDocument());
    const { components } = JSON.parse(text) as { components: { schemas: Record<string, unknown> } };
    const wanted = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name = '']) => name);
    expect(wanted.filter((name) => !Object.hasOwn(components.schemas, name))).toEqual([]);
  });
});

describe('docs/problems.md', () => {
  it(`is the one that is committed: after a change, ${again}`, () => {
    expect(readFileSync(resolve(root, 'docs/problems.md'), 'utf8')).toBe(problemReference());
  });
});

describe('schemas', () => {
  it.each(globSync('src/api/schemas/*.ts', { cwd: root }))('of %s fit their own examples', async (file) => {
    const exported = Object.entries((await import(resolve(root, file))) as Readonly<Record<string, unknown>>);
    const schemas = exported.filter((entry): entry is [string, TSchema & { examples: unknown[] }] => hasExamples(entry[1]));
    const wrong = schemas.flatMap(([name, schema]) => {
      const compiled = Compile(schema);
      return schema.examples
        .filter((example) => !compiled.Check(example))
        .map((example) => `${name}: ${JSON.stringify(compiled.Errors(example)[0])}`);
    });
    expect(wrong).toEqual([]);
  });
});

function hasExamples(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'examples' in value;
}
