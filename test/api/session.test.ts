import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start();
  await rig.ask('POST', '/users', { body: { name: 'anna', role: 'operator', password } });
});
afterAll(async () => {
  await rig.close();
});
const password = 'correct horse battery';
const host = 'lab.example:8443';
const own = { host, origin: `https://${host}` };

async function login(name = 'anna', secret = password, headers: Record<string, string> = {}) {
  return await rig.ask('POST', '/session', { as: 'nobody', body: { name, password: secret }, headers: { host, ...headers } });
}

async function cookie(): Promise<string> {
  const answer = await login();
  expect(answer.statusCode).toBe(201);
  const [set] = answer.cookies as { name: string; value: string }[];
  return `${set?.name}=${set?.value}`;
}

async function asSession(method: string, path: string, session: string, headers: Record<string, string> = own, body?: object) {
  return await rig.ask(method, path, { as: 'nobody', headers: { ...headers, cookie: session }, ...(body !== undefined && { body }) });
}

describe('a session', () => {
  it('begins with the right password: HttpOnly, SameSite=Strict, and no secret in the answer', async () => {
    const answer = await login();
    expect(answer.json()).toMatchObject({ actor: 'anna', user: 'anna', via: 'session', role: 'operator', scopes: [] });
    expect(String(answer.headers['set-cookie'])).toMatch(/^virtdom-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(answer.body).not.toContain((answer.cookies as { value: string }[])[0]?.value);
    const { items } = (await rig.ask('GET', '/audit?action=session.login')).json() as {
      items: { actor: string; outcome: string; object: string }[];
    };
    expect(items[0]).toMatchObject({ actor: 'anna', outcome: 'done', object: 'user/anna' });
  });

  it('is kept as a hash only', async () => {
    const [, value = ''] = (await cookie()).split('=');
    expect(await rig.store.accounts.session(value)).toBeUndefined();
  });

  it('needs an Origin of ours, or a header that other sites cannot send, to change something', async () => {
    const session = await cookie();
    const change = (headers: Record<string, string>) => asSession('POST', '/machines/post01:release?dryRun=true', session, headers);
    expect((await change({ host })).statusCode).toBe(403);
    expect((await change({ host, origin: 'https://evil.example' })).json()).toMatchObject({ type: '/api/v1/problems/foreign-origin' });
    expect((await change({ host, origin: 'null' })).statusCode).toBe(403);
    expect((await change(own)).statusCode).toBe(200);
    expect((await change({ host, 'x-virtdom-request': '1' })).statusCode).toBe(200);
    expect((await asSession('GET', '/machines', session, { host })).statusCode).toBe(200);
  });

  it('ends by logging out', async () => {
    const session = await cookie();
    const out = await asSession('DELETE', '/session', session);
    expect(out.statusCode).toBe(204);
    expect((await asSession('GET', '/session', session)).statusCode).toBe(401);
  });

  it('ends after 12 idle hours and after 7 days', async () => {
    const idle = await cookie();
    rig.clock.advance(12 * 3_600_000 + 1);
    expect((await asSession('GET', '/session', idle)).statusCode).toBe(401);
    const busy = await cookie();
    for (let hours = 0; hours < 7 * 24; hours += 8) {
      expect((await asSession('GET', '/session', busy)).statusCode).toBe(200);
      rig.clock.advance(8 * 3_600_000);
    }
    expect((await asSession('GET', '/session', busy)).statusCode).toBe(401);
  });

  it('ends when the password, the role or the lock of its user changes', async () => {
    const session = await cookie();
    await rig.ask('PATCH', '/users/anna', { body: { disabled: true } });
    expect((await asSession('GET', '/session', session)).statusCode).toBe(401);
    expect((await login()).statusCode).toBe(401);
    await rig.ask('PATCH', '/users/anna', { body: { disabled: false } });
    rig.clock.advance(3_600_001);
    expect((await asSession('GET', '/session', session)).statusCode).toBe(401);
  });
});

describe('logging in', () => {
  it('answers an unknown user and a wrong password alike', async () => {
    const [unknown, wrong] = [await login('nobody', 'x'), await login('anna', 'x')];
    const { requestId: _a, ...first } = unknown.json() as Record<string, unknown>;
    const { requestId: _b, ...second } = wrong.json() as Record<string, unknown>;
    expect(first).toEqual(second);
    expect(unknown.statusCode).toBe(401);
  });

  it('is refused to the page of another site', async () => {
    expect((await login('anna', password, { origin: 'https://evil.example' })).statusCode).toBe(403);
  });

  it('has to wait after five wrong passwords, however right the next one is', async () => {
    rig.clock.advance(3_600_001);
    for (let tries = 0; tries < 5; tries++) expect((await login('anna', 'wrong')).statusCode).toBe(401);
    const answer = await login();
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([429, '1']);
    rig.clock.advance(1001);
    expect((await login()).statusCode).toBe(201);
  });

  it('leaves no password in the log or in the audit log', async () => {
    await login('anna', 'secret-that-is-wrong');
    const audit = (await rig.ask('GET', '/audit')).body;
    expect(audit + JSON.stringify(rig.log.lines)).not.toMatch(/secret-that-is-wrong|correct horse/);
  });
});

describe('users', () => {
  it('are added, shown without their hash, changed and deleted by admins', async () => {
    const made = await rig.ask('POST', '/users', { body: { name: 'bob', role: 'viewer', password: 'twelve letters' } });
    expect(made.statusCode).toBe(201);
    expect(Object.keys(made.json<object>()).toSorted()).toEqual(['createdAt', 'disabled', 'name', 'role', 'updatedAt']);
    expect((await rig.ask('POST', '/users', { body: { name: 'bob', role: 'viewer', password: 'twelve letters' } })).statusCode).toBe(409);
    expect((await rig.ask('PATCH', '/users/bob', { body: { role: 'operator' } })).json()).toMatchObject({ role: 'operator' });
    expect((await rig.ask('DELETE', '/users/bob')).statusCode).toBe(204);
    expect((await rig.ask('GET', '/users/bob')).statusCode).toBe(404);
  });

  it.each([
    { name: 'Root', role: 'viewer', password },
    { name: 'bob', role: 'king', password },
    { name: 'bob', role: 'viewer', password: 'short' },
    { name: 'uid:0', role: 'viewer', password },
  ])('are refused as %j', async (body) => {
    expect((await rig.ask('POST', '/users', { body })).statusCode).toBe(400);
  });

  it('named root are refused: that is who comes in over the socket', async () => {
    expect((await rig.ask('POST', '/users', { body: { name: 'root', role: 'viewer', password } })).statusCode).toBe(409);
  });

  it('change their own password with the present one, and nothing else of theirs', async () => {
    rig.clock.advance(3_600_001);
    const session = await cookie();
    const change = (body: object) => asSession('PATCH', '/users/anna', session, own, body);
    expect((await change({ role: 'admin' })).statusCode).toBe(403);
    expect((await change({ password: 'another password' })).statusCode).toBe(403);
    expect((await change({ password: 'another password', currentPassword: 'wrong' })).statusCode).toBe(403);
    expect(
      (await asSession('PATCH', '/users/admin', session, own, { password: 'another password', currentPassword: password })).statusCode,
    ).toBe(403);
    expect((await change({ password: 'another password', currentPassword: password })).statusCode).toBe(200);
    expect((await login('anna', 'another password')).statusCode).toBe(201);
    await rig.ask('PATCH', '/users/anna', { body: { password } });
  });

  it('always have an admin among them who is not locked out', async () => {
    for (const answer of [
      await rig.ask('DELETE', '/users/admin'),
      await rig.ask('PATCH', '/users/admin', { body: { role: 'viewer' } }),
      await rig.ask('PATCH', '/users/admin', { body: { disabled: true } }),
    ])
      expect(answer.json()).toMatchObject({ status: 409, detail: 'admin is the last admin: make another one first.' });
  });
});

describe('API tokens', () => {
  it('are shown once, count until they are deleted, and are no more than who made them', async () => {
    rig.clock.advance(3_600_001);
    const session = await cookie();
    const made = await asSession('POST', '/tokens', session, own, { name: 'ci', scopes: ['machines:read'], expiresInSeconds: 3600 });
    const { id, token } = made.json() as { id: string; token: string };
    expect(token).toMatch(/^vd_[\w-]{43}$/);
    const headers = { authorization: `Bearer ${token}` };
    expect((await rig.ask('GET', '/machines', { as: 'nobody', headers })).statusCode).toBe(200);
    const listed = await asSession('GET', '/tokens', session);
    expect(listed.json()).toMatchObject({ items: [{ id, name: 'ci', owner: 'anna', role: 'operator', scopes: ['machines:read'] }] });
    expect(listed.body).not.toContain(token);
    expect((await asSession('POST', '/tokens', session, own, { name: 'x', role: 'admin', expiresInSeconds: 60 })).statusCode).toBe(403);
    expect((await rig.ask('POST', '/tokens', { as: 'nobody', headers, body: { name: 'y', expiresInSeconds: 60 } })).statusCode).toBe(403);
    expect((await asSession('DELETE', `/tokens/${id}`, session)).statusCode).toBe(204);
    expect((await rig.ask('GET', '/machines', { as: 'nobody', headers })).statusCode).toBe(401);
  });

  it('of others are not seen, and not ended, but by admins', async () => {
    const session = await cookie();
    const { items } = (await rig.ask('GET', '/tokens')).json() as { items: { id: string; owner: string }[] };
    const foreign = items.find(({ owner }) => owner === 'viewer')?.id ?? '';
    expect((await asSession('DELETE', `/tokens/${foreign}`, session)).statusCode).toBe(404);
    expect((await rig.ask('DELETE', `/tokens/${foreign}?dryRun=true`)).statusCode).toBe(204);
  });

  it('end at their time', async () => {
    const session = await cookie();
    const made = await asSession('POST', '/tokens', session, own, { name: 'short', expiresInSeconds: 60 });
    const headers = { authorization: `Bearer ${made.json<{ token: string }>().token}` };
    expect((await rig.ask('GET', '/session', { as: 'nobody', headers })).statusCode).toBe(200);
    rig.clock.advance(60_000);
    expect((await rig.ask('GET', '/session', { as: 'nobody', headers })).statusCode).toBe(401);
  });
});
