import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiRig } from './api-rig.ts';
import type { FakeManager } from './fake-manager.ts';

let rig: ApiRig;
let manager: FakeManager;
beforeAll(async () => {
  rig = await ApiRig.start({ withManager: true });
  if (rig.manager === undefined) throw new Error('the rig has no manager');
  ({ manager } = rig);
});
afterAll(() => rig.close());
beforeEach(() => {
  manager.asked.length = 0;
  manager.refusals.clear();
  manager.duties.clear();
});

const post = (action: string, body: object, as: 'operator' | 'viewer' = 'operator') => rig.ask('POST', `/hosts:${action}`, { as, body });

describe('several hosts', () => {
  it.each([
    ['drain', 'draining', ['unchanged', 'done']],
    ['activate', 'active', ['done', 'unchanged']],
  ])('are told to %s in one request of the manager, and the answer tells of each', async (action, duty, outcomes) => {
    const answer = await post(action, { hosts: ['post02', 'post01', 'post02'] });
    expect(answer.json()).toMatchObject({
      dryRun: false,
      done: 1,
      unchanged: 1,
      refused: 0,
      items: [
        {
          name: 'post02',
          status: 200,
          outcome: outcomes[0],
          host: { name: 'post02', vms: [{ name: 'gateway-1' }], notes: ['it begins at once'] },
        },
        { name: 'post01', status: 200, outcome: outcomes[1], host: { name: 'post01' } },
      ],
    });
    expect(manager.asked).toEqual([
      { method: 'setDuties', given: [['post02', 'post01', 'post02'], duty], by: { author: 'token:operator-test' } },
    ]);
  });

  it('are each audited: one that is refused, or unknown, does not keep the others back', async () => {
    manager.refusals.set('post01', 'it is the last that can host gateway');
    manager.duties.set('post02', 'active');
    const answer = await post('drain', { hosts: ['post01', 'post02', 'nothing'] });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      done: 1,
      refused: 2,
      items: [
        { status: 409, outcome: 'refused', problem: { detail: 'it is the last that can host gateway', instance: '/api/v1/hosts/post01' } },
        { status: 200, outcome: 'done' },
        { status: 404, outcome: 'refused', problem: { type: '/api/v1/problems/not-found' } },
      ],
    });
    const audit = await rig.ask('GET', '/audit?action=host.drain&limit=3');
    const items = audit.json<{ items: { object: string; outcome: string; detail: unknown }[] }>().items;
    expect(items.map(({ object, outcome }) => `${object} ${outcome}`).sort()).toEqual([
      'host/nothing refused',
      'host/post01 refused',
      'host/post02 done',
    ]);
    expect(items.find(({ object }) => object === 'host/post01')?.detail).toMatchObject({ problem: 'it is the last that can host gateway' });
  });

  it('are checked by a dry run', async () => {
    const answer = await rig.ask('POST', '/hosts:drain?dryRun=true', { as: 'operator', body: { hosts: ['post01'] } });
    expect(answer.json()).toMatchObject({ dryRun: true, done: 1 });
    expect(manager.asked.map(({ by }) => by)).toEqual([{ author: 'token:operator-test', dryRun: true }]);
    expect(manager.duties.size).toBe(0);
  });

  it.each([
    ['a viewer', { hosts: ['post01'] }, 'viewer', 403],
    ['no names', { hosts: [] }, 'operator', 400],
    ['more than 10,000 names', { hosts: Array.from({ length: 10_001 }, (_, index) => `post${index}`) }, 'operator', 400],
    ['a name that is none', { hosts: ['x'.repeat(64)] }, 'operator', 400],
    ['nothing', {}, 'operator', 400],
  ] as const)('are left alone where %s is sent', async (_, body, as, status) => {
    expect((await post('drain', body, as)).statusCode).toBe(status);
    expect(manager.asked).toEqual([]);
  });

  it('that are 10,000 are not too many to be named', async () => {
    const answer = await post('activate', { hosts: Array.from({ length: 10_000 }, (_, index) => `post-${index}-${'x'.repeat(50)}`) });
    expect(answer.json()).toMatchObject({ refused: 10_000 });
  });
});
