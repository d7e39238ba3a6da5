import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start();
});
afterAll(async () => {
  await rig.close();
});

describe('machines', () => {
  it('are listed with their state, its reason and its time (INTERFACES REST 10)', async () => {
    const answer = await rig.ask('GET', '/machines', { as: 'viewer' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      items: [
        {
          name: 'post01',
          known: true,
          state: 'new',
          reason: 'was never seen to boot',
          profile: 'dom0',
          labels: { rack: 'a3' },
          revision: 1,
        },
        { name: 'post02' },
        { name: 'spare', state: 'unassigned' },
      ],
    });
    expect(rig.misfits).toEqual([]);
  });
});
