import { afterEach, beforeEach, expect, it } from 'vitest';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
beforeEach(async () => {
  rig = await ApiRig.start({ streams: 0 });
});
afterEach(() => rig.close());

it.each([
  ['demoted', (name: string) => rig.ask('PATCH', `/users/${name}`, { body: { role: 'viewer' } })],
  ['deleted', (name: string) => rig.ask('DELETE', `/users/${name}`)],
])('of two admins who are %s at the same moment one stays', async (_, change) => {
  expect(
    (await rig.ask('POST', '/users', { body: { name: 'second', role: 'admin', password: 'a long enough password' } })).statusCode,
  ).toBe(201);
  const answers = await Promise.all([change('admin'), change('second')]);
  expect(answers.filter(({ statusCode }) => statusCode === 409)).toHaveLength(1);
  const left = (await rig.store.accounts.users()).filter(({ role, disabled }) => role === 'admin' && !disabled);
  expect(left).toHaveLength(1);
});
