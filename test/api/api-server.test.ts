import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiServer } from '../../src/api/api-server.ts';
import type { ApiServerOptions } from '../../src/api/api-server.ts';
import { FirstAdmin } from '../../src/api/first-admin.ts';
import { PasswordHasher } from '../../src/api/password.ts';
import { ApiRig } from './api-rig.ts';

let rig: ApiRig;
let folder: string;
let socket: string;
let server: ApiServer | undefined;
const ownUid = process.getuid?.() ?? -1;

beforeAll(async () => {
  rig = await ApiRig.start();
});
afterAll(async () => {
  await rig.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtdom-server-'));
  socket = join(folder, 'api.sock');
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

async function start(options: Partial<ApiServerOptions> = {}): Promise<ApiServer> {
  server = await ApiServer.start(rig.plane, { socket, ownUid, ...options });
  return server;
}

interface Told {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function open(path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const where = options.port === undefined ? { socketPath: socket, host: 'localhost' } : {};
  request({ path: `/api/v1${path}`, agent: false, ...where, ...options }, resolve)
    .once('error', reject)
    .end();
  return await promise;
}

async function ask(path: string, options: RequestOptions = {}): Promise<Told> {
  const answer = await open(path, options);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}

describe('the unix socket', () => {
  it('lets in root and our own user as admin, by the word of the kernel (unix(7) SO_PEERCRED)', async () => {
    await start();
    const { status, body } = await ask('/session');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ actor: ownUid === 0 ? 'root' : `uid:${ownUid}`, via: 'socket', role: 'admin' });
    expect(statSync(socket).mode & 0o777).toBe(0o660);
  });

  it.each([
    ['a browser, that something forwards here', { host: '127.0.0.1:8080' }],
    ['a page, by its Origin', { host: 'localhost', origin: 'http://localhost' }],
    ['a page, by its Sec-Fetch-Site', { host: 'localhost', 'sec-fetch-site': 'cross-site' }],
  ])('does not take %s for root', async (_name, headers) => {
    await start();
    expect((await ask('/session', { headers })).status).toBe(401);
  });

  it('of a server that died is taken over, of one that lives is not', async () => {
    const dead = createServer().listen(socket);
    await vi.waitUntil(() => dead.listening);
    // The file stays where the process dies without a close.
    const copy = `${socket}.kept`;
    const { linkSync, renameSync } = await import('node:fs');
    linkSync(socket, copy);
    dead.close();
    renameSync(copy, socket);
    await start();
    await expect(ApiServer.start(rig.plane, { socket, ownUid })).rejects.toThrow(/another virtdom answers on/);
    expect((await ask('/health')).status).toBe(200);
  });

  it('does not take the place of a file that is none', async () => {
    writeFileSync(socket, 'precious');
    await expect(start()).rejects.toThrow(/it is no socket/);
    expect(readFileSync(socket, 'utf8')).toBe('precious');
  });
});

describe('the TCP port', () => {
  it('needs a log-in, and TLS where it is not loopback', async () => {
    const { port } = await start({ tcp: { address: '127.0.0.1', port: 0 } });
    expect((await ask('/session', { port: Number(port), host: '127.0.0.1', headers: { host: 'localhost' } })).status).toBe(401);
    await server?.close();
    server = undefined;
    await expect(start({ tcp: { address: '0.0.0.0', port: 0 } })).rejects.toThrow(/needs TLS/);
  });

  it('gives a cookie that only goes over TLS, to this host alone (RFC 6265bis 4.1.3.2)', async () => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const made = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-out',
      certificate,
      '-subj',
      '/CN=localhost',
    ];
    execFileSync('openssl', ['req', '-x509', ...made], { stdio: 'ignore' });
    await rig.ask('POST', '/users', { body: { name: 'anna', role: 'viewer', password: 'twelve letters' } });
    const tls = { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
    const { port } = await start({ tcp: { address: '127.0.0.1', port: 0, tls } });
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = {
      host: 'localhost',
      port,
      path: '/api/v1/session',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      ca: tls.certificate,
      agent: false,
    };
    secureRequest(options, resolve)
      .once('error', reject)
      .end(JSON.stringify({ name: 'anna', password: 'twelve letters' }));
    const answer = await promise;
    answer.resume();
    expect(String(answer.headers['set-cookie'])).toMatch(/^__Host-virtdom=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
  });

  it.each([
    ['what is no HTTP', 'hello\r\n\r\n', 400],
    ['a header without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`, 431],
  ])('answers %s with a problem, and closes', async (_name, bytes, status) => {
    const { port } = await start({ tcp: { address: '127.0.0.1', port: 0 } });
    const client = createConnection(Number(port), '127.0.0.1');
    client.write(bytes);
    const answer = await text(client);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('application/problem+json');
  });
});

async function stream(path = '/events/stream', headers: Record<string, string> = {}) {
  const answer = await open(path, { headers: { host: 'localhost', ...headers } });
  const read = { text: '', ended: false };
  answer
    .setEncoding('utf8')
    .on('data', (chunk: string) => (read.text += chunk))
    .on('close', () => (read.ended = true));
  return { answer, read };
}

function tell(kind: string): void {
  rig.events.append({ atMs: rig.clock.now(), kind, severity: 'info', detail: {} });
}

const idsOf = (read: { text: string }): number[] => [...read.text.matchAll(/^id: (\d+)\ndata/gm)].map(([, id]) => Number(id));

describe('the stream of events', () => {
  it('tells what happens, under its number', async () => {
    await start();
    const { answer, read } = await stream('/events/stream?kind=test.*');
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    tell('test.one');
    tell('other.two');
    tell('test.three');
    await vi.waitUntil(() => idsOf(read).length === 2);
    expect(read.text).toContain('"kind":"test.three"');
    expect(read.text).not.toContain('other.two');
    answer.destroy();
  });

  it('replays what was missed after Last-Event-ID, without gap and repeat (HTML 9.2)', async () => {
    await start();
    const { newest } = rig.events;
    for (let index = 0; index < 5; index++) tell(`test.${index}`);
    await rig.events.idle();
    const { answer, read } = await stream('/events/stream', { 'last-event-id': String(newest) });
    tell('test.5');
    await vi.waitUntil(() => idsOf(read).length >= 6);
    expect(idsOf(read)).toEqual([1, 2, 3, 4, 5, 6].map((step) => newest + step));
    answer.destroy();
  });

  it('says reset where not everything is kept any more', async () => {
    await start();
    const { answer, read } = await stream('/events/stream', { 'last-event-id': '99999999' });
    await vi.waitUntil(() => read.text.includes('event: reset'));
    expect(read.text).toContain(`id: ${rig.events.newest}\nevent: reset\n`);
    answer.destroy();
  });

  it('begins where a client left it that was told nothing yet', async () => {
    await start();
    const { answer, read } = await stream();
    await vi.waitUntil(() => read.text.includes('\n\n'));
    expect(read.text).toBe(`retry: 3000\nid: ${rig.events.newest}\n\n`);
    answer.destroy();
  });

  it('gives a sign of life each 15 s', async () => {
    await start();
    const { answer, read } = await stream();
    await vi.waitUntil(() => read.text !== '');
    rig.clock.advance(15_000);
    await vi.waitUntil(() => read.text.includes('alive'));
    expect(read.text).toMatch(/\n: alive\n\n$/);
    answer.destroy();
  });

  it('ends for who is locked out', async () => {
    await start();
    const token = await rig.addToken('viewer');
    const { read } = await stream('/events/stream', { authorization: `Bearer ${token}` });
    await vi.waitUntil(() => read.text !== '');
    const user = await rig.store.accounts.user('viewer');
    expect(user).toBeDefined();
    if (user !== undefined) await rig.store.accounts.updateUser({ ...user, disabled: true });
    rig.clock.advance(15_000);
    await vi.waitUntil(() => read.ended);
  });

  it('is for so many clients at once', async () => {
    await start({ streams: 1 });
    const { answer, read } = await stream();
    await vi.waitUntil(() => read.text !== '');
    const second = await ask('/events/stream');
    expect([second.status, second.headers['retry-after']]).toEqual([429, '15']);
    answer.destroy();
    await vi.waitUntil(async () => (await open('/events/stream').then((again) => (again.destroy(), again.statusCode))) === 200);
  });

  it('is for one account a part of them', async () => {
    await start({ streams: 5 });
    const first = await stream();
    const second = await stream();
    await vi.waitUntil(() => first.read.text !== '' && second.read.text !== '');
    const third = await ask('/events/stream');
    expect([third.status, third.body]).toEqual([429, expect.stringMatching(/follows the events 2 times already/)]);
  });

  it.each(['x', '-1', '1e3', '9'.repeat(20)])('does not begin after Last-Event-ID: %s', async (id) => {
    await start();
    expect((await ask('/events/stream', { headers: { host: 'localhost', 'last-event-id': id } })).status).toBe(400);
  });

  it('ends when the server closes, which then is closed at once', async () => {
    const running = await start();
    const { read } = await stream();
    await vi.waitUntil(() => read.text !== '');
    const startedMs = performance.now();
    await running.close();
    server = undefined;
    await vi.waitUntil(() => read.ended);
    expect(performance.now() - startedMs).toBeLessThan(2000);
    await expect(ask('/health')).rejects.toThrow(/ENOENT|ECONNREFUSED/);
  });
});

describe('the first admin', () => {
  it('is made once, by a link that only our user can read; the log has the path and not the link', async () => {
    const accounts = { ...rig.store.accounts };
    const users: { name: string }[] = [];
    Object.assign(accounts, {
      users: () => Promise.resolve(users),
      addUser: (user: { name: string }) => delay(20).then(() => users.push(user) > 0),
    });
    const file = join(folder, 'first-admin');
    writeFileSync(file, 'of an earlier start');
    chmodSync(file, 0o666);
    const hasher = new PasswordHasher({ memory: 64, passes: 1 });
    const firstAdmin = await FirstAdmin.open({ accounts, hasher, clock: rig.clock, log: rig.log, file, origin: 'https://lab.example' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const [, token = ''] = /^https:\/\/lab\.example\/setup#([\w-]{43})\n$/.exec(readFileSync(file, 'utf8')) ?? [];
    expect(JSON.stringify(rig.log.lines)).toContain(file);
    expect(JSON.stringify(rig.log.lines)).not.toContain(token);

    await expect(firstAdmin.redeem('wrong', 'eve', 'twelve letters')).rejects.toThrow(/link is wrong/);
    const both = await Promise.allSettled([
      firstAdmin.redeem(token, 'anna', 'twelve letters'),
      firstAdmin.redeem(token, 'eve', 'twelve letters'),
    ]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(users.map(({ name }) => name)).toEqual(['anna']);
    expect(() => statSync(file)).toThrow(/ENOENT/);
    await expect(firstAdmin.redeem(token, 'eve', 'twelve letters')).rejects.toThrow(/link is wrong/);
  });
});
