import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiRig, documents } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start({ streams: 0 });
});
afterAll(async () => {
  await rig.close();
});
const machine = (name: string, mac: string) => ({ name, nics: [{ mac }] });

function withoutDatabase(): never {
  throw Object.assign(new Error('writing postgres://db.example failed: connect ECONNREFUSED'), { code: 'store-write' });
}

function failing(): never {
  throw new Error('disk /dev/secret is on fire');
}

describe('a problem', () => {
  const json = { 'content-type': 'application/json' };

  it.each([
    ['bad JSON', 'POST', '/machines', { headers: json, body: '{"name":' }, 400, 'invalid-request'],
    ['no body', 'POST', '/machines', { headers: json, body: '' }, 400, 'invalid-request'],
    ['a body that is poison', 'POST', '/machines', { headers: json, body: '{"__proto__":{"role":"admin"}}' }, 400, 'invalid-request'],
    ['another type', 'POST', '/machines', { headers: { 'content-type': 'text/plain' }, body: 'x' }, 415, 'unknown-media-type'],
    ['too much', 'POST', '/machines', { headers: json, body: JSON.stringify({ name: 'x'.repeat(70_000) }) }, 413, 'too-large'],
    ['far too much', 'POST', '/objects:apply', { headers: json, body: `"${'x'.repeat(8 * 1024 * 1024)}"` }, 413, 'too-large'],
    ['an unknown route', 'GET', '/nothing', {}, 404, 'no-such-route'],
    ['an unknown action', 'POST', '/machines/post01:fly', {}, 404, 'no-such-route'],
    ['a name with an encoded slash', 'GET', '/machines/..%2Fusers', {}, 404, 'no-such-route'],
    ['another method', 'PUT', '/machines/post01', { body: {} }, 405, 'method-not-allowed'],
    ['a bad path', 'GET', '/machines/%zz', {}, 400, 'invalid-request'],
    ['a long path', 'GET', `/machines/${'x'.repeat(400)}`, {}, 400, 'invalid-request'],
    ['an unknown field', 'POST', '/machines', { body: { ...machine('x', '52:54:00:00:00:77'), colour: 'red' } }, 400, 'invalid-request'],
    ['a dry run where there is none', 'DELETE', '/session?dryRun=true', {}, 400, 'invalid-request'],
    ['a body where there is none', 'POST', '/machines/post01:release', { body: { profile: 'dom0' } }, 400, 'invalid-request'],
    ['an unknown thing', 'GET', '/profiles/nothing', {}, 404, 'not-found'],
  ])('of %s is problem+json with the kind, the path and the request id (RFC 9457)', async (_name, method, path, asked, status, kind) => {
    const answer = await rig.ask(method, path, asked);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json()).toMatchObject({ type: `/api/v1/problems/${kind}`, status, requestId: answer.headers['x-request-id'] });
  });

  it('of a wrong method says which ones are right (RFC 9110 15.5.6)', async () => {
    expect((await rig.ask('PUT', '/machines/post01', { body: {} })).headers['allow']).toBe('DELETE, GET, HEAD, PATCH');
    expect((await rig.ask('DELETE', '/machines:assign')).headers['allow']).toBe('POST');
  });

  it('of a HEAD of the stream is 405: it would never end', async () => {
    expect((await rig.ask('HEAD', '/events/stream')).statusCode).toBe(405);
    expect((await rig.ask('HEAD', '/machines/post01')).statusCode).toBe(200);
  });

  it('is explained at its own address', async () => {
    const { type } = (await rig.ask('GET', '/profiles/nothing')).json<{ type: string }>();
    expect((await rig.ask('GET', type, { as: 'nobody' })).json()).toMatchObject({
      kind: 'not-found',
      title: 'There is no such thing',
      status: 404,
    });
  });

  it('of ours tells nothing of the inside; the log has it under the request id', async () => {
    const list = rig.plane.leases.list.bind(rig.plane.leases);
    Object.assign(rig.plane.leases, { list: failing });
    const answer = await rig.ask('GET', '/leases');
    Object.assign(rig.plane.leases, { list });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toMatch(/secret|fire|\.ts/);
    const { requestId } = answer.json<{ requestId: string }>();
    const line = rig.log.lines.find(({ level, fields }) => level === 'error' && fields['requestId'] === requestId);
    expect(String(line?.fields['err'])).toContain('on fire');
  });

  it('of a database that does not answer is 503: nobody looks for a fault of ours', async () => {
    const list = rig.plane.leases.list.bind(rig.plane.leases);
    Object.assign(rig.plane.leases, { list: withoutDatabase });
    const answer = await rig.ask('GET', '/leases');
    Object.assign(rig.plane.leases, { list });
    expect(answer.json()).toMatchObject({ type: '/api/v1/problems/unavailable', status: 503 });
    expect(answer.body).not.toMatch(/ECONN|db\.example/);
  });

  it('is logged without the query, which may hold anything', async () => {
    await rig.ask('GET', '/machines?q=hunter2');
    expect(JSON.stringify(rig.log.lines)).not.toContain('hunter2');
    expect(rig.log.lines.at(-1)).toMatchObject({
      message: 'request',
      fields: { method: 'GET', path: '/api/v1/machines', status: 200, actor: 'token:admin-test' },
    });
  });
});

const keyed = (key: string, body: object, path = '/machines') => rig.ask('POST', path, { body, headers: { 'idempotency-key': key } });

describe('Idempotency-Key', () => {
  it('gives the first answer again, and does it once', async () => {
    const first = await keyed('k1', machine('once', '52:54:00:00:04:01'));
    const again = await keyed('k1', machine('once', '52:54:00:00:04:01'));
    expect([first.statusCode, again.statusCode]).toEqual([201, 201]);
    expect(again.body).toBe(first.body);
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true', etag: first.headers['etag'], location: '/api/v1/machines/once' });
    const { items } = (await rig.ask('GET', '/audit?object=machine/once')).json<{ items: unknown[] }>();
    expect(items).toHaveLength(1);
  });

  it('is for one request: another one under it is refused with 422', async () => {
    const answer = await keyed('k1', machine('other', '52:54:00:00:04:02'));
    expect(answer.json()).toMatchObject({ status: 422, type: '/api/v1/problems/key-reused' });
  });

  it('is free again where nothing was done', async () => {
    expect((await keyed('k2', machine('thief', '52:54:00:00:00:01'))).statusCode).toBe(422);
    expect((await keyed('k2', machine('honest', '52:54:00:00:04:03'))).statusCode).toBe(201);
  });

  it('answers 409 while the first request is running', async () => {
    const [first, second] = await Promise.all([
      keyed('k3', machine('race', '52:54:00:00:04:04')),
      keyed('k3', machine('race', '52:54:00:00:04:04')),
    ]);
    const statuses = [first.statusCode, second.statusCode].toSorted((left, right) => left - right);
    expect([
      [201, 201],
      [201, 409],
    ]).toContainEqual(statuses);
    const { items } = (await rig.ask('GET', '/audit?object=machine/race')).json<{ items: { outcome: string }[] }>();
    expect(items.filter(({ outcome }) => outcome === 'done')).toHaveLength(1);
  });

  it('is of who sent it: another one has keys of their own', async () => {
    const answer = await rig.ask('POST', '/machines', {
      as: 'operator',
      body: machine('mine', '52:54:00:00:04:05'),
      headers: { 'idempotency-key': 'k1' },
    });
    expect(answer.statusCode).toBe(201);
  });

  it('is forgotten after 24 hours', async () => {
    rig.clock.advance(25 * 3_600_000);
    await keyed('k4', machine('later', '52:54:00:00:04:06'));
    await rig.store.idempotency.prune(rig.clock.now() - 24 * 3_600_000);
    expect((await keyed('k1', machine('afresh', '52:54:00:00:04:07'))).statusCode).toBe(201);
  });

  it('keeps no secrets: a token is made anew each time', async () => {
    const body = { name: 'deploy', role: 'viewer', password: 'twelve letters' };
    expect((await keyed('k5', body, '/users')).statusCode).toBe(201);
    expect((await keyed('k5', body, '/users')).statusCode).toBe(409);
  });

  it.each(['', ' ', 'x'.repeat(256)])('must be 1 to 255 visible characters, not %j', async (key) => {
    expect((await keyed(key, machine('never', '52:54:00:00:04:08'))).statusCode).toBe(400);
  });
});

async function everything(): Promise<string> {
  const paths = [
    '/objects:export',
    '/machines',
    '/templates/menu.lst',
    '/users',
    '/tokens',
    '/leases',
    '/images',
    '/audit?limit=1',
    '/events?limit=1',
    '/tasks',
  ];
  const answers = await Promise.all(paths.map((path) => rig.ask('GET', path)));
  return answers
    .map(({ body }) => body)
    .join('\n')
    .replaceAll(/"lastUsedAt":"[^"]*"/g, '');
}

describe('dryRun=true', () => {
  const any = { 'if-match': '*' };
  const changes: readonly (readonly [method: string, path: string, body: object | undefined])[] = [
    ['POST', '/machines', machine('dry', '52:54:00:00:05:01')],
    ['PATCH', '/machines/post01', { role: 'dry' }],
    ['DELETE', '/machines/post01', undefined],
    ['POST', '/machines/post01:assign', { profile: 'installer' }],
    ['POST', '/machines/post01:release', undefined],
    ['POST', '/machines/post01:ignore', { ignored: true }],
    ['POST', '/machines/post01:boot', { profile: 'installer' }],
    ['POST', '/machines/post01:boot-cancel', undefined],
    ['POST', '/machines:assign', { select: { all: true }, role: 'dry' }],
    ['POST', '/machines:release', { select: { all: true } }],
    ['POST', '/machines:ignore', { select: { all: true } }],
    ['POST', '/machines:boot', { select: { all: true }, profile: 'installer' }],
    ['POST', '/machines:delete', { select: { all: true } }],
    ['POST', '/machines:import', { format: 'csv', text: 'name,mac\ndry,52:54:00:00:05:02\n' }],
    ['POST', '/profiles', { name: 'dry', loaders: { bios: 'x' } }],
    ['PUT', '/profiles/installer', { name: 'installer', loaders: { bios: 'dry' } }],
    ['POST', '/subnets', { name: 'dry', cidr: '10.9.0.0/24', interface: 'br9', serverAddress: '10.9.0.1' }],
    ['PUT', '/subnets/lab', { ...documents[0], kind: undefined, router: '192.168.0.1' }],
    ['POST', '/objects:apply', { documents: [{ kind: 'Profile', name: 'dry', loaders: { bios: 'x' } }] }],
    ['PUT', '/templates/menu.lst/draft', { text: 'dry' }],
    ['DELETE', '/leases/192.168.0.150?force=true', undefined],
    ['DELETE', '/images/dom0@1', undefined],
    ['POST', '/users', { name: 'dry', role: 'viewer', password: 'twelve letters' }],
    ['PATCH', '/users/viewer', { role: 'admin' }],
    ['DELETE', '/users/viewer', undefined],
  ];

  it.each(changes)('of %s %s says what would be, and writes nothing', async (method, path, body) => {
    rig.leases.length = 0;
    rig.leases.push({ address: '192.168.0.150', subnet: 'lab', mac: '52:54:00:00:00:01', state: 'bound', grantedMs: 0, expiresMs: 1e13 });
    await rig.events.idle();
    const before = await everything();
    const answer = await rig.ask(method, `${path}${path.includes('?') ? '&' : '?'}dryRun=true`, {
      headers: any,
      ...(body !== undefined && { body }),
    });
    expect([200, 204]).toContain(answer.statusCode);
    await rig.events.idle();
    expect(await everything()).toBe(before);
  });
});
