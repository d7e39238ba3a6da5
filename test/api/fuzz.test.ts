import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzzSeed } from '../fuzz-seed.ts';
import { ApiRig, documents, farmDocuments } from './api-rig.ts';
import { requestsOf } from './fuzz-request.ts';
import type { FuzzRequest, OpenApi } from './fuzz-request.ts';

const rounds = Number(process.env['FUZZ_ROUNDS'] ?? 12);

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start({ streams: 0, withManager: true });
  await rig.api.ready();
});
afterAll(async () => {
  await rig.close();
});

/** What is wrong with the answer; nothing where it is a success or an honest problem. */
async function faultsOf({
  method,
  url,
  headers,
  payload,
}: FuzzRequest): Promise<{ readonly status: number; readonly faults: readonly string[] }> {
  const answer = await rig.api.inject({
    method: method as 'GET',
    url,
    headers: { ...headers, authorization: `Bearer ${rig.tokens.get('admin')}` },
    ...(payload !== undefined && { payload }),
  });
  const { statusCode: status, body } = answer;
  const faults = rig.misfits.splice(0);
  if (status >= 500) faults.push(`${status}: ${body}`);
  if (/\bat .*\.ts:\d+|node:internal|SQLITE|ECONN/.test(body)) faults.push(`tells of the inside: ${body.slice(0, 500)}`);
  if (status >= 400 && answer.headers['content-type'] !== 'application/problem+json; charset=utf-8') faults.push('no problem+json');
  return { status, faults };
}

/** What fuzzing has deleted is put back, so that it goes on reaching things. */
async function refill(): Promise<void> {
  const { objects } = rig.plane;
  const missing = [...documents, ...farmDocuments].filter(({ kind, name }) => objects.current.find(kind, name) === undefined);
  await objects.commit(
    missing.map((document) => ({ kind: document.kind, name: document.name, revision: 0, document })),
    { author: 'fuzz' },
  );
  rig.unknown.seen({ mac: '52:54:00:00:00:99' }, { name: 'lab' }, rig.clock.now());
  rig.leases.splice(0, Infinity, {
    address: '192.168.0.150',
    subnet: 'lab',
    mac: '52:54:00:00:00:02',
    state: 'expired',
    grantedMs: 0,
    expiresMs: 1,
  });
}

describe('every route', () => {
  it(
    `answers garbage with a problem, never with a failure and never with an insight (FUZZ_SEED=${fuzzSeed})`,
    { timeout: 10_000 * rounds + 20_000 },
    async () => {
      const document = JSON.parse(JSON.stringify(rig.api.swagger())) as OpenApi;
      const routes = Object.entries(document.paths).flatMap(([path, item]) =>
        Object.entries(item).map(([method, operation]) => ({
          id: operation.operationId,
          requests: requestsOf(path, method.toUpperCase(), operation, document),
        })),
      );
      const statuses = new Map<string, Set<number>>(routes.map(({ id }) => [id, new Set()]));
      const found: object[] = [];
      for (let round = 0; round < rounds && found.length === 0; round++) {
        await refill();
        for (const [index, { id, requests }] of routes.entries()) {
          for (const request of fc.sample(requests, { numRuns: 3, seed: fuzzSeed + round * 100_003 + index })) {
            const { status, faults } = await faultsOf(request);
            statuses.get(id)?.add(status);
            if (faults.length > 0)
              found.push({
                ...request,
                faults,
                log: rig.log.lines
                  .filter(({ level }) => level === 'error')
                  .map(({ fields }) => (fields['err'] as Error | undefined)?.stack),
              });
          }
        }
      }
      expect(found).toEqual([]);
      // It is of no use to be refused at the door: most routes must have been got into.
      const entered = [...statuses.values()].filter((each) => [...each].some((status) => ![400, 405, 415].includes(status)));
      expect(entered.length).toBeGreaterThan(routes.length * 0.75);
    },
  );
});
