import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { environmentWriteSchema } from '../../src/api/schemas/environment.ts';
import { roleWriteSchema } from '../../src/api/schemas/role.ts';
import { triggerWriteSchema } from '../../src/api/schemas/trigger.ts';
import { checkExpression } from '../../src/expression-checks.ts';
import { parseDocument } from '../../src/machines/objects.ts';
import { ApiRig } from './api-rig.ts';
import type { FakeManager } from './fake-manager.ts';

let rig: ApiRig;
let manager: FakeManager;
beforeAll(async () => {
  rig = await ApiRig.start({ withManager: true });
  if (rig.manager === undefined) throw new Error('the rig has no manager');
  ({ manager } = rig);
});
afterAll(async () => {
  await rig.close();
});
beforeEach(() => {
  manager.asked.length = 0;
  manager.refusals.clear();
});

const names = (answer: Awaited<ReturnType<ApiRig['ask']>>): string[] =>
  answer.json<{ items: { name: string }[] }>().items.map(({ name }) => name);

const ids = async (query: string): Promise<string[]> =>
  (await rig.ask('GET', `/commands?${query}`, { as: 'viewer' })).json<{ items: { id: string }[] }>().items.map(({ id }) => id);

describe('images', () => {
  it('say which VMs were started from them, and are not deleted under them', async () => {
    expect((await rig.ask('GET', '/images/dom0@1', { as: 'viewer' })).json()).toMatchObject({ vms: ['worker-1'] });
    const answer = await rig.ask('DELETE', '/images/dom0@1');
    expect([answer.statusCode, answer.json<{ detail: string }>().detail]).toEqual([409, expect.stringContaining('VM worker-1') as string]);
  });
});

describe('environments', () => {
  it('are shown as people wrote them, with what there is of them', async () => {
    const answer = await rig.ask('GET', '/environments/worker', { as: 'viewer' });
    expect(answer.json()).toMatchObject({
      name: 'worker',
      count: { min: 1, max: 8 },
      revision: 1,
      status: { wanted: 1, wantedBy: 'its document', running: 1, troubled: 1, state: 'as-wanted', reason: '1 of 1 run' },
    });
    expect(answer.json()).not.toHaveProperty('vcpus');
    expect(answer.json()).not.toHaveProperty('kind');
  });

  it.each([
    ['', ['gateway', 'worker']],
    ['state=short', ['gateway']],
    ['state=as-wanted,paused', ['worker']],
    ['q=work', ['worker']],
    ['sort=-priority', ['gateway', 'worker']],
  ])('are listed by ?%s', async (query, wanted) => {
    expect(names(await rig.ask('GET', `/environments?${query}`, { as: 'viewer' }))).toEqual(wanted);
  });

  it.each(['state=asleep', 'sort=shoe-size', 'colour=red'])('are not listed by ?%s', async (query) => {
    expect((await rig.ask('GET', `/environments?${query}`)).statusCode).toBe(400);
  });

  it('are documents: added, changed only with If-Match, and deleted when nothing names them (INTERFACES REST 4)', async () => {
    const body = { name: 'printer', instances: 'at-least-one', image: 'worker', memoryMib: 128, count: 2 };
    const made = await rig.ask('POST', '/environments', { body, as: 'operator' });
    expect([made.statusCode, made.headers['location']]).toEqual([201, '/api/v1/environments/printer']);
    expect((await rig.ask('PUT', '/environments/printer', { body: { ...body, count: 3 } })).statusCode).toBe(428);
    const etag = await rig.etag('/environments/printer');
    const put = await rig.ask('PUT', '/environments/printer', { body: { ...body, count: 3 }, headers: { 'if-match': etag } });
    expect(put.json()).toMatchObject({ count: 3, revision: 2, status: { wanted: 3 } });
    expect((await rig.ask('DELETE', '/environments/printer', { headers: { 'if-match': etag } })).statusCode).toBe(412);
    expect((await rig.ask('DELETE', '/environments/printer', { headers: { 'if-match': '*' } })).statusCode).toBe(204);
    expect((await rig.ask('DELETE', '/environments/worker', { headers: { 'if-match': '*' } })).statusCode).toBe(422);
  });

  it('that are wrong are refused with a pointer to each wrong value', async () => {
    const body = { name: 'bad', instances: 'at-least-one', image: 'worker', memoryMib: 128, count: { min: 3, max: 1 } };
    expect((await rig.ask('POST', '/environments', { body })).json()).toMatchObject({
      status: 422,
      errors: [{ pointer: expect.stringMatching(/^\/count/) }],
    });
    expect((await rig.ask('POST', '/environments', { body: { ...body, count: 'many' } })).statusCode).toBe(400);
  });

  it('are scaled in the name of who asks, and answer with what is wanted now', async () => {
    const answer = await rig.ask('POST', '/environments/worker:scale', { as: 'operator', body: { count: 3 } });
    expect(answer.json()).toMatchObject({ name: 'worker', status: { wanted: 3, wantedBy: 'anna' }, notes: ['it begins at once'] });
    expect(manager.asked).toEqual([{ method: 'scale', given: ['worker', 3], by: { author: 'token:operator-test' } }]);
    await rig.ask('POST', '/environments/worker:scale', { body: { count: 1 } });
  });

  it('are only looked at by a dry run', async () => {
    const answer = await rig.ask('POST', '/environments/worker:scale?dryRun=true', { body: { count: 4 } });
    expect(answer.statusCode).toBe(200);
    expect(manager.asked[0]?.by).toEqual({ author: 'token:admin-test', dryRun: true });
    expect((await rig.ask('GET', '/environments/worker')).json()).toMatchObject({ status: { wanted: 1 } });
  });

  it.each([
    ['worker', { count: 9 }, 409, 'refused'],
    ['nothing', { count: 1 }, 404, 'not-found'],
    ['worker', { count: -1 }, 400, 'invalid-request'],
    ['worker', { count: 1.5 }, 400, 'invalid-request'],
    ['worker', {}, 400, 'invalid-request'],
    ['worker', { count: 2, force: true }, 400, 'invalid-request'],
  ])('named %s are not scaled by %j: %i', async (name, body, status, kind) => {
    const answer = await rig.ask('POST', `/environments/${name}:scale`, { body });
    expect(answer.json()).toMatchObject({ status, type: `/api/v1/problems/${kind}` });
  });

  it('are scaled once under one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'scale-once' };
    for (const replayed of [undefined, 'true']) {
      const answer = await rig.ask('POST', '/environments/worker:scale', { body: { count: 1 }, headers });
      expect([answer.statusCode, answer.headers['idempotency-replayed']]).toEqual([200, replayed]);
    }
    expect(manager.asked.filter(({ method }) => method === 'scale')).toHaveLength(1);
  });

  it('are paused and resumed beside what their documents say', async () => {
    expect((await rig.ask('POST', '/environments/gateway:pause')).json()).toMatchObject({ status: { state: 'paused', paused: true } });
    expect((await rig.ask('POST', '/environments/gateway:resume')).json()).toMatchObject({ status: { paused: false } });
    expect(manager.asked.map(({ given }) => given)).toEqual([
      ['gateway', true],
      ['gateway', false],
    ]);
  });

  it('have a plan, also with another count, with reasons host by host', async () => {
    const answer = await rig.ask('GET', '/environments/worker:plan?count=5', { as: 'viewer' });
    expect(answer.json()).toMatchObject({
      steps: [
        { action: 'start', vm: 'worker-3', host: 'post01', reasons: [{ verdict: 'chosen' }, { about: 'post02', verdict: 'refused' }] },
      ],
      notes: [{ about: 'post01' }],
    });
    expect(manager.asked).toEqual([{ method: 'plan', given: [{ environment: 'worker', count: 5 }] }]);
    expect((await rig.ask('GET', '/environments/nothing:plan')).statusCode).toBe(404);
    expect((await rig.ask('GET', '/manager:plan', { as: 'viewer' })).json<{ steps: object[] }>().steps).toHaveLength(2);
  });
});

describe('roles', () => {
  it('are shown with the machines that name them and the hosts that have them', async () => {
    expect((await rig.ask('GET', '/roles/farm', { as: 'viewer' })).json()).toMatchObject({
      environments: ['worker', 'gateway'],
      machines: 0,
      hosts: ['post01'],
    });
    expect(names(await rig.ask('GET', '/roles?q=gateway'))).toEqual(['farm']);
  });
});

describe('triggers', () => {
  it('keep what they said last apart from when they fired last', async () => {
    expect((await rig.ask('GET', '/triggers/more-workers', { as: 'viewer' })).json()).toMatchObject({
      lastEvaluation: { at: '2026-03-01T11:59:55.000Z', result: 'false', inputs: { 'post01.load': 0.4 } },
      lastFired: { at: '2026-03-01T11:00:00.000Z', outcome: 'worker scaled from 2 to 3' },
      nextAt: '2026-03-01T12:00:55.000Z',
    });
    expect(names(await rig.ask('GET', '/triggers?paused=true'))).toEqual([]);
    expect(names(await rig.ask('GET', '/triggers?paused=false&sort=-firedAt'))).toEqual(['more-workers']);
  });

  const cmd = { command: 'scale', environment: 'worker', by: 1 };
  it.each([
    ['sound', { expr: 'agents.size() > 0', cmd }, true, []],
    ['of an expression that means nothing', { expr: 'agnets.size() > 0', cmd }, false, ['/expr']],
    ['about an environment that is not there', { expr: 'true', cmd: { ...cmd, environment: 'nothing' } }, false, ['/cmd/environment']],
  ])('that are %s are checked without being saved', async (_, fields, valid, pointers) => {
    const answer = await rig.ask('POST', '/triggers:check', { body: { name: 'unsaved', ...fields }, as: 'viewer' });
    const checked = answer.json<{ problems: { pointer: string }[] }>();
    expect(checked).toMatchObject({ valid });
    expect(checked.problems.map(({ pointer }) => pointer)).toEqual(pointers);
    expect((await rig.ask('GET', '/triggers/unsaved')).statusCode).toBe(404);
  });

  it('that are saved already are checked as they would be', async () => {
    const body = { name: 'more-workers', expr: 'agents.size() > 1', cmd };
    expect((await rig.ask('POST', '/triggers:check', { body })).json()).toMatchObject({ valid: true, evaluation: { result: 'true' } });
    expect((await rig.ask('GET', '/triggers/more-workers')).json()).toMatchObject({ revision: 1 });
  });
});

describe('the examples of the documentation', () => {
  it.each([
    ['/environments', environmentWriteSchema],
    ['/roles', roleWriteSchema],
    ['/triggers', triggerWriteSchema],
  ])('of %s are documents that are taken', async (path, schema) => {
    const [example] = (schema as unknown as { readonly examples: readonly { readonly name: string }[] }).examples;
    const answer = await rig.ask('POST', `${path}?dryRun=true`, { body: { ...example, name: 'another' } });
    expect([answer.statusCode, answer.body]).toEqual([200, expect.stringContaining('another')]);
  });

  it('has an expression that the manager understands', () => {
    const [example] = (triggerWriteSchema as unknown as { readonly examples: readonly object[] }).examples;
    const { object, problems } = parseDocument('Trigger', { kind: 'Trigger', ...example });
    expect(problems).toEqual([]);
    expect(object && checkExpression({ kind: 'trigger', trigger: object })).toEqual([]);
  });
});

describe('hosts', () => {
  it.each([
    ['', ['post01', 'post02']],
    ['state=suspect,fenced', ['post02']],
    ['duty=active', ['post01']],
    ['role=farm', ['post01']],
    ['label=rack=a3', ['post01']],
    ['label=rack', ['post01', 'post02']],
    ['label=rack=a3,rack', ['post01']],
    ['label=rack=a3,rack=a4', []],
    ['label=rack=a4,row', []],
    ['q=silent', ['post02']],
    ['sort=-freeMib', ['post01', 'post02']],
    ['limit=1&sort=-name', ['post02']],
  ])('are listed by ?%s', async (query, wanted) => {
    expect(names(await rig.ask('GET', `/hosts?${query}`, { as: 'viewer' }))).toEqual(wanted);
  });

  it('are shown with boot, capacity, bridges, VMs, role and why they have it', async () => {
    expect((await rig.ask('GET', '/hosts/post01', { as: 'viewer' })).json()).toMatchObject({
      state: 'online',
      since: '2026-03-01T11:59:00.000Z',
      booted: { boot: 17, attempt: 'b-17', address: '192.168.0.11' },
      capacity: { freeMib: 2048 },
      bridges: ['xenbr0', 'br12'],
      role: 'farm',
      roleReason: 'its machine document names it',
      vms: [{ name: 'worker-1', state: 'running', memoryMib: 512 }],
    });
    expect((await rig.ask('GET', '/hosts/nothing')).statusCode).toBe(404);
  });

  it.each([
    ['drain', undefined, 'setDuty', ['post01', 'draining']],
    ['activate', undefined, 'setDuty', ['post01', 'active']],
    ['reboot', undefined, 'rebootHost', ['post01']],
    ['set-role', { role: 'farm' }, 'setRole', ['post01', 'farm']],
    ['set-role', undefined, 'setRole', ['post01', undefined]],
  ])('are told to %s (%j)', async (action, body, method, given) => {
    const answer = await rig.ask('POST', `/hosts/post01:${action}`, { as: 'operator', ...(body !== undefined && { body }) });
    expect(answer.json()).toMatchObject({ name: 'post01', booted: { boot: 17 }, notes: ['it begins at once'] });
    expect(manager.asked).toEqual([{ method, given, by: { author: 'token:operator-test' } }]);
    manager.duties.clear();
  });

  it('count as dead on the word of a person who typed their name: the answer has the VMs that may move, and it is audited', async () => {
    const answer = await rig.ask('POST', '/hosts/post02:confirm-dead', { as: 'operator', body: { hostname: 'post02' } });
    expect(answer.json()).toMatchObject({ host: 'post02', vms: [{ name: 'gateway-1', state: 'lost' }] });
    const audit = await rig.ask('GET', '/audit?action=host.confirm-dead&limit=1');
    expect(audit.json()).toMatchObject({
      items: [{ actor: 'token:operator-test', object: 'host/post02', outcome: 'done', detail: { hostname: 'post02', vms: ['gateway-1'] } }],
    });
  });

  it.each([
    ['viewer', { hostname: 'post02' }, 403],
    ['operator', { hostname: 'post01' }, 400],
    ['operator', { hostname: 'POST02' }, 400],
    ['operator', {}, 400],
  ] as const)('do not count as dead when a %s sends %j: %i', async (as, body, status) => {
    expect((await rig.ask('POST', '/hosts/post02:confirm-dead', { as, body })).statusCode).toBe(status);
    expect(manager.asked).toEqual([]);
  });

  it('that the manager refuses to change keep its reason: 409', async () => {
    manager.refusals.set('post01', 'post01 answers right now: it is not dead');
    const answer = await rig.ask('POST', '/hosts/post01:confirm-dead', { body: { hostname: 'post01' } });
    expect(answer.json()).toMatchObject({
      status: 409,
      type: '/api/v1/problems/refused',
      detail: 'post01 answers right now: it is not dead',
    });
    const audit = await rig.ask('GET', '/audit?action=host.confirm-dead&limit=1');
    expect(audit.json()).toMatchObject({ items: [{ outcome: 'refused', detail: { hostname: 'post01', status: 409 } }] });
  });

  it('have properties with age and problem; older values only where they are asked for', async () => {
    const answer = await rig.ask('GET', '/hosts/post01/properties', { as: 'viewer' });
    expect(answer.json()).toMatchObject({
      items: [
        { name: 'raid', problem: { code: 'timeout' } },
        { name: 'ram_free', value: 2048, machine: 'post01' },
      ],
    });
    expect(answer.json<{ items: object[] }>().items[1]).not.toHaveProperty('history');
    expect((await rig.ask('GET', '/properties?name=ram_free&history=true&machine=post01')).json()).toMatchObject({
      items: [{ history: [{ value: 2560 }, { value: 2048 }] }],
    });
    expect((await rig.ask('GET', '/properties?name=ram_free')).json<{ items: object[] }>().items).toHaveLength(2);
    expect((await rig.ask('GET', '/hosts/nothing/properties')).statusCode).toBe(404);
  });

  it('extract properties when they are asked', async () => {
    const answer = await rig.ask('POST', '/hosts/post01:query', { as: 'operator', body: { names: ['ram_free'] } });
    expect(answer.json()).toMatchObject({ items: [{ name: 'ram_free' }] });
    expect((await rig.ask('POST', '/hosts/post01:query', { body: { names: [] } })).statusCode).toBe(400);
    expect((await rig.ask('POST', '/hosts/nothing:query', { body: { names: ['x'] } })).statusCode).toBe(404);
  });
});

describe('VMs', () => {
  it.each([
    ['', ['gateway-1', 'worker-1', 'worker-2']],
    ['host=post02', ['gateway-1']],
    ['environment=worker', ['worker-1', 'worker-2']],
    ['state=lost,error', ['gateway-1', 'worker-2']],
    ['q=192.168.0.117', ['worker-1']],
    ['q=10.12', ['gateway-1']],
    ['sort=-state', ['worker-1', 'gateway-1', 'worker-2']],
  ])('are listed by ?%s', async (query, wanted) => {
    expect(names(await rig.ask('GET', `/vms?${query}`, { as: 'viewer' }))).toEqual(wanted);
  });

  it('are shown with state, reason, time, claims and failures (INTERFACES REST 10)', async () => {
    expect((await rig.ask('GET', '/vms/gateway-1', { as: 'viewer' })).json()).toMatchObject({
      state: 'lost',
      since: '2026-03-01T11:59:20.000Z',
      host: 'post02',
      claims: [{ host: 'post02', seq: 4, takenAt: '2026-03-01T11:59:10.000Z', command: 'c-4' }],
      cards: [{ vlan: 12, address: '10.12.0.1/24' }],
    });
    const failed = await rig.ask('GET', '/vms/worker-2');
    expect(failed.json()).toMatchObject({ failures: [{ host: 'post01', reason: 'xl create: not enough free memory' }] });
    expect(failed.json()).not.toHaveProperty('host');
    expect((await rig.ask('GET', '/vms/nothing')).statusCode).toBe(404);
  });

  it('are explained', async () => {
    expect((await rig.ask('GET', '/vms/gateway-1:explain', { as: 'viewer' })).json()).toMatchObject({
      name: 'gateway-1',
      state: 'lost',
      reasons: [{ about: 'post02', verdict: 'note', reason: 'power read back as off would let it move' }],
    });
  });

  it('show the end of their console to operators', async () => {
    expect((await rig.ask('GET', '/vms/worker-1:console?bytes=7', { as: 'operator' })).json()).toEqual({
      name: 'worker-1',
      text: 'login: ',
    });
    expect((await rig.ask('GET', '/vms/worker-1:console', { as: 'viewer' })).statusCode).toBe(403);
    expect((await rig.ask('GET', '/vms/worker-1:console?bytes=65537')).statusCode).toBe(400);
    manager.refusals.set('worker-1', 'post01 is silent');
    expect((await rig.ask('GET', '/vms/worker-1:console')).statusCode).toBe(409);
  });

  it.each([
    ['shutdown', undefined, 'stopVm', ['worker-1', 'shutdown']],
    ['destroy', undefined, 'stopVm', ['worker-1', 'destroy']],
    ['reboot', undefined, 'rebootVm', ['worker-1']],
    ['pause', undefined, 'pauseVm', ['worker-1', true]],
    ['unpause', undefined, 'pauseVm', ['worker-1', false]],
    ['clear', undefined, 'clearVm', ['worker-1']],
    ['migrate', { host: 'post02' }, 'migrateVm', ['worker-1', 'post02']],
  ])('are told to %s by operators, and it is audited', async (action, body, method, given) => {
    const with_ = body === undefined ? {} : { body };
    expect((await rig.ask('POST', `/vms/worker-1:${action}`, { as: 'viewer', ...with_ })).statusCode).toBe(403);
    const answer = await rig.ask('POST', `/vms/worker-1:${action}`, { as: 'operator', ...with_ });
    expect(answer.json()).toMatchObject({ name: 'worker-1', notes: ['it begins at once'] });
    expect(manager.asked).toEqual([{ method, given, by: { author: 'token:operator-test' } }]);
    const audit = await rig.ask('GET', `/audit?action=vm.${action}&limit=1`);
    expect(audit.json()).toMatchObject({ items: [{ object: 'vm/worker-1', outcome: 'done', detail: body ?? {} }] });
    expect((await rig.ask('POST', `/vms/nothing:${action}`, with_)).statusCode).toBe(404);
    manager.refusals.set('worker-1', 'not now');
    expect((await rig.ask('POST', `/vms/worker-1:${action}`, with_)).statusCode).toBe(409);
  });
});

describe('commands', () => {
  it('are listed newest first, without what they were given', async () => {
    expect(await ids('')).toEqual(['c-2', 'c-1']);
    expect(await ids('state=queued,sent')).toEqual(['c-2']);
    expect(await ids('host=post01')).toEqual(['c-1']);
    expect(await ids('vm=gateway-1')).toEqual(['c-2']);
    expect(await ids('q=create&sort=createdAt')).toEqual(['c-1']);
    expect((await rig.ask('GET', '/commands')).json<{ items: object[] }>().items[0]).not.toHaveProperty('args');
  });

  it('are shown with arguments and result', async () => {
    expect((await rig.ask('GET', '/commands/c-1', { as: 'viewer' })).json()).toMatchObject({
      command: 'vm.create',
      args: { vm: 'worker-1' },
      result: { domid: 3 },
      since: '2026-03-01T11:59:20.000Z',
    });
    expect((await rig.ask('GET', '/commands/c-9')).statusCode).toBe(404);
  });

  it('do not show the key of a migration to anybody', async () => {
    const args = { vm: 'gateway-1', to: '10.77.0.11' };
    expect((await rig.ask('GET', '/commands/c-2', { as: 'admin' })).json<{ args: object }>().args).toEqual(args);
    expect((await rig.ask('POST', '/commands/c-2:cancel', { as: 'admin' })).json<{ args: object }>().args).toEqual(args);
  });

  it('are taken back', async () => {
    expect((await rig.ask('POST', '/commands/c-2:cancel', { as: 'operator' })).json()).toMatchObject({ id: 'c-2', state: 'cancelled' });
    expect((await rig.ask('POST', '/commands/c-9:cancel')).statusCode).toBe(404);
  });
});

describe('the manager', () => {
  it('says how it is, with hosts and VMs counted', async () => {
    expect((await rig.ask('GET', '/manager', { as: 'viewer' })).json()).toMatchObject({
      state: 'leading',
      bus: { state: 'connected', kind: 'embedded' },
      hosts: { online: 1, suspect: 1 },
      vms: { running: 1, lost: 1, error: 1 },
    });
  });

  it('holds with a reason, and is released', async () => {
    expect((await rig.ask('POST', '/manager:hold', { body: {} })).statusCode).toBe(400);
    const dry = await rig.ask('POST', '/manager:hold?dryRun=true', { body: { reason: 'a switch is replaced' } });
    expect(dry.json()).toMatchObject({ hold: { reason: 'a switch is replaced', by: 'operator' } });
    expect((await rig.ask('GET', '/manager')).json()).not.toHaveProperty('hold');
    await rig.ask('POST', '/manager:hold', { as: 'operator', body: { reason: 'a switch is replaced' } });
    expect((await rig.ask('GET', '/manager')).json()).toMatchObject({ hold: { reason: 'a switch is replaced' } });
    expect((await rig.ask('POST', '/manager:release', { as: 'operator' })).json()).not.toHaveProperty('hold');
  });
});

describe('tokens', () => {
  it('are confined to the scopes of the manager too', async () => {
    rig.tokens.set('nobody', await rig.addToken('operator', ['vms:read', 'environments:write']));
    const status = async (method: string, path: string, body?: object): Promise<number> =>
      (await rig.ask(method, path, { as: 'nobody', ...(body !== undefined && { body }) })).statusCode;
    expect(await status('GET', '/vms')).toBe(200);
    expect(await status('POST', '/vms/worker-1:destroy')).toBe(403);
    expect(await status('POST', '/environments/worker:scale', { count: 1 })).toBe(200);
    expect(await status('POST', '/hosts/post01:drain')).toBe(403);
    rig.tokens.delete('nobody');
  });
});
