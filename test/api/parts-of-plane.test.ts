import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApi } from '../../src/api/build-api.ts';
import type { Api } from '../../src/api/api.ts';
import type { ServicePlane } from '../../src/api/control-plane.ts';
import { ApiRig, base } from './api-rig.ts';

describe('a process without the VM manager', () => {
  let rig: ApiRig;
  beforeAll(async () => {
    rig = await ApiRig.start();
  });
  afterAll(() => rig.close());

  it.each([
    ['GET', '/manager', undefined],
    ['GET', '/manager:plan', undefined],
    ['POST', '/manager:hold', { reason: 'x' }],
    ['GET', '/hosts', undefined],
    ['GET', '/hosts/post01', undefined],
    ['POST', '/hosts/post01:confirm-dead', { hostname: 'post01' }],
    ['GET', '/vms', undefined],
    ['GET', '/vms/worker-1:console', undefined],
    ['POST', '/vms/worker-1:destroy', undefined],
    ['GET', '/commands', undefined],
    ['GET', '/properties', undefined],
    ['POST', '/environments/worker:scale', { count: 1 }],
    ['POST', '/triggers:check', { name: 'x', expr: 'true', cmd: { command: 'notify', message: 'x' } }],
  ])('answers %s %s with 503, and says what to do', async (method, path, body) => {
    const answer = await rig.ask(method, path, body === undefined ? {} : { body });
    expect(answer.json()).toMatchObject({
      status: 503,
      type: '/api/v1/problems/manager-off',
      detail: expect.stringContaining('set manager.run to inside'),
    });
  });

  it('keeps documents of environments all the same, and says nothing of what there is of them', async () => {
    const body = { name: 'worker', instances: 'at-least-one', image: 'worker', memoryMib: 512, count: 2 };
    expect((await rig.ask('POST', '/environments', { body })).statusCode).toBe(201);
    expect((await rig.ask('GET', '/environments/worker')).json()).not.toHaveProperty('status');
    expect((await rig.ask('GET', '/environments?state=short')).json()).toEqual({ items: [] });
  });
});

describe('a process that boots no machines', () => {
  let rig: ApiRig;
  let api: Api;
  beforeAll(async () => {
    rig = await ApiRig.start({ withManager: true });
    const { clock, log, objects, events, audit, accounts, idempotency, tasks, manager } = rig.plane;
    const plane: ServicePlane = { clock, log, objects, events, audit, accounts, idempotency, tasks, manager };
    api = await buildApi(plane);
  });
  afterAll(async () => {
    await api.close();
    await rig.close();
  });

  const ask = async (path: string): Promise<number> => {
    const answer = await api.inject({ url: base + path, headers: { authorization: `Bearer ${rig.tokens.get('admin')}` } });
    return answer.statusCode;
  };

  it.each([
    '/health',
    '/openapi.json',
    '/manager',
    '/environments/worker',
    '/roles',
    '/triggers',
    '/hosts',
    '/vms',
    '/commands',
    '/properties',
    '/profiles',
    '/events',
    '/audit',
    '/tasks',
    '/users',
    '/objects:export',
    '/session',
  ])('has %s', async (path) => {
    expect(await ask(path)).toBe(200);
  });

  it.each(['/machines', '/machines/post01', '/subnets', '/boots', '/leases', '/templates', '/images'])('has no %s', async (path) => {
    expect(await ask(path)).toBe(404);
  });

  it('tells of no route that it has not in its OpenAPI document', async () => {
    await api.ready();
    const { paths = {} } = api.swagger();
    expect(Object.keys(paths).filter((path) => path.startsWith(`${base}/machines`))).toEqual([]);
    expect(Object.keys(paths)).toContain(`${base}/environments/{name}:scale`);
  });
});
