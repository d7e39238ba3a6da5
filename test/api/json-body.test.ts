import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkJsonExtent } from '../../src/api/json-body.ts';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start();
});
afterAll(async () => {
  await rig.close();
});

async function sent(payload: string): Promise<readonly [number, string]> {
  const answer = await rig.ask('POST', '/objects:diff', { as: 'viewer', headers: { 'content-type': 'application/json' }, payload });
  return [answer.statusCode, answer.json<{ detail: string }>().detail];
}

describe('a JSON body', () => {
  it('that is nested deeper than any object is refused, and nothing overflows', async () => {
    const nested = `{"documents":[{"kind":"Machine","name":"a","x":${'['.repeat(5000)}${']'.repeat(5000)}}]}`;
    expect(await sent(nested)).toEqual([400, 'The body is nested deeper than 64 levels.']);
  });

  it('of more values than a lab has is refused before anything goes through them', async () => {
    expect(await sent(`{"documents":[${'1,'.repeat(600_000)}1]}`)).toEqual([
      413,
      'The body holds more than 500000 values: send it in parts.',
    ]);
  });

  it('of a list that is too long is refused for that', async () => {
    const [status, detail] = await sent(`{"documents":[${'{},'.repeat(100_000)}{}]}`);
    expect([status, detail]).toEqual([400, expect.stringContaining('/documents must not have more than 20000 items') as string]);
  });

  it('with a document of megabytes is refused before its keys are gone through', async () => {
    const labels = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`l${index}`, 'x']));
    const answer = await rig.ask('POST', '/objects:diff', { as: 'viewer', body: { documents: [{ kind: 'Machine', name: 'a', labels }] } });
    expect([answer.statusCode, answer.json<{ errors: { pointer: string }[] }>().errors]).toEqual([
      400,
      [{ pointer: '/documents/0', detail: expect.stringMatching(/^expected at most 65536 bytes as JSON, found \d+ or more$/) as string }],
    ]);
  });

  it('may hold brackets, commas and quotes in its texts', () => {
    const text = JSON.stringify({ a: '['.repeat(100), b: `\\"${'{'.repeat(100)}`, c: '\\', d: `"${','.repeat(600_000)}` });
    expect(() => checkJsonExtent(text)).not.toThrow();
  });

  it('that breaks off in a text is left to the parser', async () => {
    expect((await sent('{"documents":["\\"'))[0]).toBe(400);
  });
});
