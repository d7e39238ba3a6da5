import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFile, execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseApiAddress } from '../../src/cli/api-address.ts';
import { ApiClient } from '../../src/cli/api-client.ts';
import { FakeService, problem } from './fake-service.ts';
import { runCommand } from './run-command.ts';

const machine = {
  name: 'post01',
  nics: [{ mac: '52:54:00:00:00:01' }],
  known: true,
  state: 'up',
  reason: 'x',
  since: '2026-03-01T11:00:00Z',
  revision: 1,
};

describe('the connection to the service', () => {
  let service: FakeService;
  beforeEach(async () => {
    service = await FakeService.start();
  });
  afterEach(() => service.close());
  const run = (words: readonly string[], environment: Record<string, string> = {}) =>
    runCommand(words, { socket: service.socket, environment });

  it.each([
    [401, 1, /Say virtdom login/],
    [403, 1, /Your role does not allow this/],
    [404, 3, /went wrong/],
    [409, 4, /went wrong/],
    [412, 4, /went wrong/],
    [428, 4, /went wrong/],
    [422, 1, /went wrong/],
    [429, 1, /wait a little/],
    [500, 1, /log of the service, request req-7/],
    [504, 5, /went wrong/],
  ])('ends with the code that fits an answer %i: %i', async (status, code, message) => {
    service.on('GET /machines/post01', problem(status, 'it went wrong'));
    const result = await run(['machine', 'get', 'post01']);
    expect({ code: result.code, out: result.out }).toEqual({ code, out: '' });
    expect(result.error).toMatch(/^virtdom: it went wrong/);
    expect(result.error).toMatch(message);
  });

  it('says which values are wrong', async () => {
    service.on('GET /machines', problem(400, 'The query is wrong', { errors: [{ pointer: '?state', detail: 'no such state' }] }));
    expect((await run(['machine', 'list', '--state', 'x'])).error).toBe('virtdom: The query is wrong\n  ?state: no such state\n');
  });

  it('asks on the socket as a program does: Host localhost, and no Origin', async () => {
    service.on('GET /machines', { body: { items: [] } });
    await run(['machine', 'list']);
    expect(service.requests[0]?.headers).toMatchObject({ host: 'localhost' });
    expect(service.requests[0]?.headers).not.toHaveProperty('origin');
  });

  it('says that no service runs there and how to start one', async () => {
    const { code, error } = await run(['machine', 'list', '--server', `unix:${service.folder}/other.sock`]);
    expect(code).toBe(1);
    expect(error).toBe(
      `virtdom: no service runs at unix:${service.folder}/other.sock\nStart one with virtdom serve, or say where it is with --server or VIRTDOM_SERVER\n`,
    );
  });

  it('takes the socket of a named configuration before VIRTDOM_SERVER', async () => {
    service.on('GET /machines', { body: { items: [] } });
    writeFileSync(join(service.folder, 'virtdom.yaml'), `runtimeDir: ${service.folder}\n`);
    const words = ['machine', 'list', '-c', join(service.folder, 'virtdom.yaml')];
    expect(await run(words, { VIRTDOM_SERVER: 'unix:/nowhere' })).toMatchObject({ code: 0 });
  });

  it.each(['ftp://x', 'x:y', 'https://anna:secret@lab', 'https://lab/api'])('refuses the address %s', async (address) => {
    expect(await run(['machine', 'list', '--server', address])).toMatchObject({ code: 2, out: '' });
  });

  it('sends the token of VIRTDOM_TOKEN, and no token that is none', async () => {
    service.on('GET /machines', { body: { items: [] } });
    await run(['machine', 'list'], { VIRTDOM_TOKEN: 'vd_abc' });
    expect(service.requests[0]?.headers.authorization).toBe('Bearer vd_abc');
    expect(await run(['machine', 'list'], { VIRTDOM_TOKEN: 'a\nb: c' })).toMatchObject({ code: 1 });
  });

  it('sends the kept token of this service only, and refuses a token file that others may read', async () => {
    service.on('GET /machines', { body: { items: [] } });
    const file = join(service.folder, 'virtdom/token');
    mkdirSync(join(file, '..'));
    writeFileSync(file, `https://lab.example vd_other\nunix:${service.socket} vd_own\n`, { mode: 0o600 });
    const environment = { XDG_CONFIG_HOME: service.folder };
    await run(['machine', 'list'], environment);
    expect(service.requests[0]?.headers.authorization).toBe('Bearer vd_own');
    chmodSync(file, 0o640);
    expect((await run(['machine', 'list'], environment)).error).toContain(`others may read it (mode 640)\nchmod 600 ${file}`);
  });

  it('sends no token over plain HTTP to another machine', async () => {
    const { code, error } = await run(['machine', 'list', '--server', 'http://192.0.2.1:8443'], { VIRTDOM_TOKEN: 'vd_abc' });
    expect({ code, error }).toMatchObject({
      code: 2,
      error: expect.stringContaining('a token is not shown over plain HTTP to 192.0.2.1:8443'),
    });
  });

  it('speaks HTTP with a service on the loopback', async () => {
    const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"items":[]}'));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await run(['machine', 'list', '--server', `http://127.0.0.1:${port}`, '-o', 'json'])).toMatchObject({ code: 0, out: '[]\n' });
    server.close();
  });

  it('speaks TLS, with a certificate that is trusted only', async () => {
    const [key, certificate] = [join(service.folder, 'key.pem'), join(service.folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '1',
        '-keyout',
        key,
        '-out',
        certificate,
        ...subject,
      ],
      { stdio: 'ignore' },
    );
    const secure = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ items: [{ name: request.headers.authorization }] }));
    });
    await new Promise<void>((resolve) => void secure.listen(0, '127.0.0.1', resolve));
    const { port } = secure.address() as AddressInfo;
    const words = ['machine', 'list', '--server', `https://localhost:${port}`, '-o', 'name'];
    const refused = await run(words, { VIRTDOM_TOKEN: 'vd_abc' });
    expect(refused).toMatchObject({ code: 1, error: expect.stringContaining('Name its authority in NODE_EXTRA_CA_CERTS=FILE') });
    const main = join(import.meta.dirname, '../../src/main.ts');
    const environment = { ...process.env, NODE_EXTRA_CA_CERTS: certificate, VIRTDOM_TOKEN: 'vd_abc', HOME: service.folder };
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...words], { env: environment });
    expect(stdout).toBe('Bearer vd_abc\n');
    secure.close();
  });

  it('gives up with 5 when no answer comes in time', async () => {
    service.on('GET /slow', () => undefined);
    const api = new ApiClient(parseApiAddress(service.socket, 'test'), undefined, { timeoutMs: 50 });
    await expect(api.get('/slow')).rejects.toMatchObject({ exitCode: 5, message: expect.stringContaining('did not answer within 0.05 s') });
    await expect(api.open('/slow')).rejects.toMatchObject({ exitCode: 5 });
    api.close();
  });

  it('refuses an answer without end', async () => {
    service.on('GET /long', { body: { text: 'x'.repeat(2000) } });
    const api = new ApiClient(parseApiAddress(service.socket, 'test'), undefined, { maxAnswerBytes: 1000 });
    await expect(api.get('/long')).rejects.toThrow('longer than 1000 bytes');
    api.close();
  });

  it('refuses an answer that is no JSON, and tells the beginning of what is no problem+json', async () => {
    service
      .on('GET /machines/a', { body: '{"name"' })
      .on('GET /machines/b', { status: 502, body: '<html>', headers: { 'content-type': 'text/html' } });
    expect((await run(['machine', 'get', 'a'])).error).toContain('the answer to GET /machines/a is not valid JSON');
    expect((await run(['machine', 'get', 'b'])).error).toContain('virtdom: the service answered 502: <html>');
  });

  it('ends with 1 where the service is not well', async () => {
    const health = {
      state: 'degraded',
      reason: 'no events are written',
      since: '2026-03-01T11:00:00Z',
      version: '0.1.0',
      uptimeSeconds: 7300,
    };
    service.on('GET /health', { body: health });
    expect(await run(['status', '-o', 'wide'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/degraded +0\.1\.0 +2h +no events/),
    });
  });

  it('asks the manager that runs by itself beside the service, where the service has none', async () => {
    const manager = await FakeService.start();
    const off = problem(503, 'No manager runs here.', { type: '/api/v1/problems/manager-off' });
    service
      .on('GET /vms', off)
      .on('GET /manager', off)
      .on('GET /health', { body: { state: 'ok', reason: 'serving', uptimeSeconds: 1 } });
    expect(await run(['vm', 'list'])).toMatchObject({ code: 1, error: expect.stringContaining('No manager runs here.') });
    symlinkSync(manager.socket, join(service.folder, 'manager.sock'));
    manager.on('GET /vms', { body: { items: [] } }).on('GET /manager', {
      body: { name: 'server1', state: 'leading', reason: 'nobody else leads', since: '2026-03-01T11:00:00Z' },
    });
    expect(await run(['vm', 'list'])).toMatchObject({ code: 0, error: expect.stringContaining('no VM fits') });
    expect(await run(['status'])).toMatchObject({ code: 0, out: expect.stringMatching(/manager: +leading since .*: nobody else leads/) });
    await manager.close();
    service.on('GET /vms', problem(503, 'The database failed.', { type: '/api/v1/problems/unavailable' }));
    expect(await run(['vm', 'list'])).toMatchObject({ code: 1, error: expect.stringContaining('The database failed.') });
  });

  it('follows the cursor to the last page, and stops at the limit', async () => {
    service.on('GET /machines', ({ query }) => {
      const at = Number(query['cursor'] ?? 0);
      const items = Array.from({ length: Math.min(Number(query['limit']), 3) }, (_, index) => ({ ...machine, name: `m${at + index}` }));
      return { body: { items, ...(at < 6 && { nextCursor: String(at + items.length) }) } };
    });
    expect((await run(['machine', 'list', '-o', 'name'])).out).toBe('m0\nm1\nm2\nm3\nm4\nm5\nm6\nm7\nm8\n');
    expect((await run(['machine', 'list', '-o', 'name', '--limit', '4'])).out).toBe('m0\nm1\nm2\nm3\n');
  });

  it('stops where the service gives the same page for ever', async () => {
    service.on('GET /machines', { body: { items: [machine], nextCursor: 'x' } });
    expect((await run(['machine', 'list'])).error).toContain('the same page again and again');
  });

  it('repeats a POST after a broken connection under the same Idempotency-Key, and a PATCH never', async () => {
    let broken = false;
    service.on('POST /machines:ignore', (_, response) => {
      if (broken)
        return {
          body: {
            atomic: false,
            dryRun: false,
            done: 1,
            unchanged: 0,
            refused: 0,
            items: [{ name: 'post01', status: 200, outcome: 'done' }],
          },
        };
      broken = true;
      response.destroy();
      return undefined;
    });
    service.on('PATCH /machines/post01', (_, response) => void response.destroy());
    expect(await run(['machine', 'ignore', 'post01'])).toMatchObject({ code: 0, out: 'post01 ignored\n' });
    const keys = service.to('POST /machines:ignore').map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0]]);
    expect(await run(['machine', 'set', 'post01', 'role=x'])).toMatchObject({
      code: 1,
      error: expect.stringContaining('broke the connection off'),
    });
    expect(service.to('PATCH /machines/post01')).toHaveLength(1);
  });

  it('escapes names in paths', async () => {
    await run(['machine', 'get', '../users/a?b#c%2f']);
    expect(service.requests[0]?.path).toBe('/machines/../users/a?b#c%2f');
  });

  it('logs in, keeps the session where nobody else reads it, shows it, and logs out', async () => {
    service
      .on('POST /session', {
        status: 201,
        body: { actor: 'anna', role: 'operator' },
        headers: { 'set-cookie': 'virtdom-session=abc; Path=/; HttpOnly' },
      })
      .on('GET /machines', { body: { items: [] } })
      .on('DELETE /session', { status: 204 });
    const environment = { XDG_CONFIG_HOME: service.folder };
    const login = ['login', 'anna', '--password-stdin'];
    const result = await runCommand(login, { socket: service.socket, environment, input: 'correct horse battery\n' });
    expect(result).toMatchObject({ code: 0, out: '', error: expect.stringContaining('as anna (operator)') });
    expect(service.to('POST /session')[0]?.body).toEqual({ name: 'anna', password: 'correct horse battery' });
    const file = join(service.folder, 'virtdom/token');
    expect(readFileSync(file, 'utf8')).toBe(`unix:${service.socket} virtdom-session=abc\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await run(['machine', 'list'], environment);
    const shown = { cookie: 'virtdom-session=abc', 'x-virtdom-request': 'cli' };
    expect(service.to('GET /machines')[0]?.headers).toMatchObject(shown);
    expect(await run(['logout'], environment)).toMatchObject({ code: 0 });
    expect(service.to('DELETE /session')[0]?.headers).toMatchObject(shown);
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('sends no password over plain HTTP to another machine', async () => {
    const words = ['login', 'anna', '--password-stdin', '--server', 'http://192.0.2.1:8443'];
    const result = await runCommand(words, { socket: service.socket, input: 'correct horse battery' });
    expect(result).toMatchObject({ code: 2, error: expect.stringContaining('a password is not sent over plain HTTP') });
  });

  it('asks for a password only where somebody sits, and never takes one as an option', async () => {
    expect(await run(['login', 'anna'])).toMatchObject({ code: 2, error: expect.stringContaining('--password-stdin') });
    expect(await run(['login', 'anna', '--password', 'x'])).toMatchObject({ code: 2 });
    expect(await run(['user', 'create', 'anna', '--role', 'viewer', '--password', 'x'])).toMatchObject({ code: 2 });
  });
});
