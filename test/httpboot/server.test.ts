import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { BootHttpServer, type BootHttpSettings } from '../../src/httpboot/server.ts';
import { CapturedLog } from '../../src/log.ts';
import type { BootFile, BootFileRequest } from '../../src/model/boot-file.ts';
import type { Observation } from '../../src/model/boot-trace.ts';

const big = randomBytes(5 * 1024 * 1024 + 13);
let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'virtdom-http-'));
  await writeFile(join(directory, 'big'), big);
  await writeFile(join(directory, 'small'), 'small file');
});
afterAll(() => rm(directory, { recursive: true }));

const menu: BootFile = {
  kind: 'rendered',
  bytes: Buffer.from('default 0\ntimeout 3\n'),
  etag: '"m1"',
  contentType: 'text/plain; charset=utf-8',
};

class Rig {
  readonly clock = new HeldClock();
  readonly log = new CapturedLog();
  readonly seen: Observation[] = [];
  readonly asked: BootFileRequest[] = [];
  readonly hellos: unknown[] = [];
  readonly files = new Map<string, BootFile>([['/menu.lst', menu]]);
  readonly server: BootHttpServer;
  readonly sockets: Socket[] = [];

  constructor(settings: Partial<BootHttpSettings> = {}, addresses: readonly string[] = ['127.0.0.1']) {
    this.server = new BootHttpServer({
      settings: { port: 0, ...settings },
      addresses,
      tree: {
        open: async (request) => {
          this.asked.push(request);
          if (request.path === '/broken') throw new Error('the database is on fire');
          return this.files.get(request.path) ?? { kind: 'missing', reason: `no ${request.path}` };
        },
      },
      desk: {
        hello: async (request) => {
          this.hellos.push(request);
          if (request.token === 'known') return { accepted: true, session: '{"boot":17}' };
          return request.token === 'good' ? { accepted: true } : { accepted: false, reason: 'the token was redeemed before' };
        },
      },
      observer: { observe: (observation) => void this.seen.push(observation) },
      clock: this.clock,
      log: this.log,
    });
  }

  get port(): number {
    return this.server.listening[0]?.port ?? 0;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, init);
  }

  async serveFile(name: string): Promise<void> {
    const stats = await stat(join(directory, name));
    this.files.set(`/${name}`, {
      kind: 'static',
      file: join(directory, name),
      size: stats.size,
      modifiedMs: stats.mtimeMs,
      etag: `"${name}-1"`,
    });
  }

  /** What comes back for bytes that no HTTP library would send. */
  raw(text: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    this.sockets.push(socket);
    return new Promise((resolve) => {
      let answer = '';
      socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
      socket.on('close', () => resolve(answer));
      socket.on('error', () => {});
      socket.write(text);
    });
  }

  get phases(): string[] {
    return this.seen.flatMap((seen) => (seen.kind === 'file' ? [`${seen.phase} ${seen.path} ${seen.bytes} of ${seen.size}`] : []));
  }
}

let rig: Rig;
beforeEach(async () => {
  rig = new Rig();
  await rig.serveFile('big');
  await rig.serveFile('small');
  await rig.server.start();
});
afterEach(async () => {
  for (const socket of rig.sockets) socket.destroy();
  await rig.server.close();
});

describe('a file over HTTP', () => {
  it('comes whole, with length, type and validators', async () => {
    const response = await rig.fetch('/menu.lst');
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-length': '20',
      'content-type': 'text/plain; charset=utf-8',
      etag: '"m1"',
      'accept-ranges': 'bytes',
    });
    expect(await response.text()).toBe('default 0\ntimeout 3\n');
    expect(rig.asked).toEqual([{ protocol: 'http', clientAddress: '127.0.0.1', serverAddress: '127.0.0.1', path: '/menu.lst' }]);
    expect(rig.phases).toEqual(['opened /menu.lst 0 of 20', 'finished /menu.lst 20 of 20']);
  });

  it.each(['big', 'small'])('comes from the disk byte for byte: %s, also the second time', async (name) => {
    const hashes: string[] = [];
    for (let time = 0; time < 2; time++) {
      const response = await rig.fetch(`/${name}`);
      expect(response.headers.get('last-modified')).toMatch(/GMT$/);
      hashes.push(sha256(Buffer.from(await response.arrayBuffer())));
    }
    const expected = sha256(name === 'big' ? big : Buffer.from('small file'));
    expect(hashes).toEqual([expected, expected]);
  });

  it('answers HEAD with the headers of GET and no body, and that is no download', async () => {
    const response = await rig.fetch('/big', { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe(String(big.length));
    expect(await response.text()).toBe('');
    expect(rig.phases).toEqual([]);
  });

  it('comes in parts, as GRUB asks for them, across the borders of what is read at once (206)', async () => {
    for (const [first, last] of [
      [0, 0],
      [524_280, 524_300],
      [1_048_570, 3_145_735],
      [big.length - 5, big.length - 1],
    ] as const) {
      const response = await rig.fetch('/big', { headers: { range: `bytes=${first}-${last}` } });
      expect(response.status).toBe(206);
      expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/${big.length}`);
      expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(sha256(big.subarray(first, last + 1)));
    }
    expect(rig.phases.at(1)).toBe(`finished /big 1 of ${big.length}`);
  });

  it('says how long it is to a range behind its end (416)', async () => {
    const response = await rig.fetch('/menu.lst', { headers: { range: 'bytes=20-' } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe('bytes */20');
  });

  it('does not come again to whoever has it (304)', async () => {
    const response = await rig.fetch('/menu.lst', { headers: { 'if-none-match': '"m1"' } });
    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe('"m1"');
    expect(await response.text()).toBe('');
  });

  it('that is empty is an answer of no bytes', async () => {
    rig.files.set('/empty', { kind: 'rendered', bytes: new Uint8Array(), etag: '"e"', contentType: 'text/plain' });
    await writeFile(join(directory, 'nothing'), '');
    await rig.serveFile('nothing');
    for (const path of ['/empty', '/nothing']) {
      const response = await rig.fetch(path);
      expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '0', '']);
    }
    expect(rig.phases).toContain('finished /nothing 0 of 0');
  });

  it('that is missing or refused is 404 or 403 with a sentence; the reason goes to the timeline only', async () => {
    rig.files.set('/secret', { kind: 'refused', reason: 'two machines claim this' });
    const missing = await rig.fetch('/nix');
    expect([missing.status, await missing.text()]).toEqual([404, 'there is no /nix here\n']);
    const refused = await rig.fetch('/secret');
    expect(refused.status).toBe(403);
    expect(await refused.text()).not.toContain('two machines');
    expect(rig.seen).toMatchObject([
      { phase: 'missing', reason: 'no /nix' },
      { phase: 'refused', reason: 'two machines claim this' },
    ]);
  });

  it.each([
    { path: '/nix', status: '404 Not Found' },
    { path: '/broken', status: '500 Internal Server Error' },
  ])('that GRUB can not have ($path) is a status line and a reset: GRUB takes the body of a 404 for the file', async ({ path, status }) => {
    const answer = rig.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nUser-Agent: GRUB 2.06-13+deb12u2\r\n\r\n`);
    await expect.poll(() => rig.clock.pendingTimers).toBe(1);
    rig.clock.advance(50);
    expect(await answer).toBe(`HTTP/1.1 ${status}\r\n`);
  });

  it('that the tree can not open is 500 without a reason for strangers, and the connection lives on', async () => {
    const response = await rig.fetch('/broken');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('fire');
    expect(rig.log.lines).toMatchObject([{ fields: { reason: 'request-failed', error: 'the database is on fire' } }]);
    expect((await rig.fetch('/menu.lst')).status).toBe(200);
  });

  it.each([
    { size: 2 * 1024 * 1024, now: 1_000 },
    { size: 2 * 1024 * 1024, now: 3 * 1024 * 1024 },
    { size: 1_000, now: 999 },
    { size: 1_000, now: 1_001 },
  ])('of $size bytes that has $now by now is not served, neither cut nor padded', async ({ size, now }) => {
    await writeFile(join(directory, 'changed'), randomBytes(size));
    await rig.serveFile('changed');
    await truncate(join(directory, 'changed'), now);
    const response = await rig.fetch('/changed');
    expect(response.status).toBe(500);
    expect(rig.phases).toEqual([`aborted /changed 0 of ${size}`]);
  });

  it('that the client stops reading is told as aborted', async () => {
    const controller = new AbortController();
    const response = await rig.fetch('/big', { signal: controller.signal });
    await response.body?.getReader().read();
    controller.abort();
    await expect.poll(() => rig.phases.length).toBe(2);
    expect(rig.seen.at(-1)).toMatchObject({ phase: 'aborted', size: big.length, reason: 'the client closed the connection' });
  });
});

describe('a request that is not right', () => {
  it.each([
    { name: 'NUL in the path', target: '/a%00', status: 400 },
    { name: 'CR LF in the path', target: '/a%0d%0aX:y', status: 400 },
    { name: 'broken percent-encoding', target: '/%', status: 400 },
    { name: 'a path of 256 characters', target: `/${'a'.repeat(255)}`, status: 414 },
    { name: 'a target of 3000 characters', target: `/?${'a'.repeat(3_000)}`, status: 414 },
  ])('is refused: $name', async ({ target, status }) => {
    const answer = await rig.raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(rig.asked).toEqual([]);
  });

  it('keeps `..` for the tree to judge', async () => {
    await rig.raw('GET /grub/../../etc/shadow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(rig.asked[0]?.path).toBe('/grub/../../etc/shadow');
  });

  it.each(['PUT', 'DELETE', 'POST', 'OPTIONS'])('with %s on a file is 405 and says what is allowed', async (method) => {
    const response = await rig.fetch('/menu.lst', { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('is no HTTP at all: 400', async () => {
    expect(await rig.raw('\x16\x03\x01 hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(rig.log.lines).toMatchObject([{ fields: { reason: 'malformed-request' } }]);
  });

  it('has more headers than fit: 431', async () => {
    expect(await rig.raw(`GET / HTTP/1.1\r\nX: ${'a'.repeat(10_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  });

  it('comes byte by byte for ever: 408', async () => {
    const slow = new Rig({ requestTimeoutMs: 400 });
    await slow.server.start();
    const answer = slow.raw('GET / HTTP/1.1\r\nX: ');
    const drip = setInterval(() => slow.sockets[0]?.write('a'), 50);
    expect(await answer).toMatch(/^HTTP\/1.1 408 /);
    clearInterval(drip);
    await slow.server.close();
  });

  it('leaves its answer unread: the connection ends, the timeline says aborted', async () => {
    const stalled = new Rig({ stallTimeoutMs: 300 });
    await writeFile(join(directory, 'huge'), Buffer.alloc(32 * 1024 * 1024));
    await stalled.serveFile('huge');
    await stalled.server.start();
    const socket = connect(stalled.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /huge HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.pause();
    await expect.poll(() => stalled.phases.at(-1)?.split(' ')[0], { timeout: 5_000 }).toBe('aborted');
    socket.destroy();
    await stalled.server.close();
  });

  it('is one connection too many: it is dropped and said', async () => {
    const small = new Rig({ maxConnections: 1 });
    await small.server.start();
    const held = connect(small.port, '127.0.0.1');
    await new Promise((resolve) => held.once('connect', resolve));
    expect(await small.raw('GET /menu.lst HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
    expect(small.log.lines).toMatchObject([{ fields: { reason: 'too-many-connections' } }]);
    held.destroy();
    await small.server.close();
  });
});

function hello(init: RequestInit): Promise<Response> {
  return rig.fetch('/boot/v1/hello', { method: 'POST', ...init });
}

describe('POST /boot/v1/hello', () => {
  it('is put to the desk and accepted with 204', async () => {
    const response = await hello({ headers: { authorization: 'Bearer good' }, body: 'Name ID Mem\nDomain-0 0 512\n' });
    expect(response.status).toBe(204);
    expect(rig.hellos).toEqual([{ token: 'good', clientAddress: '127.0.0.1', body: 'Name ID Mem\nDomain-0 0 512\n' }]);
  });

  it('is answered with 200 and what the machine is to know', async () => {
    const response = await hello({ headers: { authorization: 'Bearer known' }, body: '' });
    expect([response.status, response.headers.get('content-type'), await response.json()]).toEqual([200, 'application/json', { boot: 17 }]);
  });

  it('is refused with 403 and the reason', async () => {
    const response = await hello({ headers: { authorization: 'Bearer old' }, body: '' });
    expect([response.status, await response.text()]).toEqual([403, 'the token was redeemed before\n']);
  });

  it.each<Record<string, string>>([{}, { authorization: 'Basic Z29vZDpnb29k' }, { authorization: 'Bearer ' }])(
    'without a token is 401: %j',
    async (headers) => {
      expect((await hello({ headers, body: 'x' })).status).toBe(401);
      expect(rig.hellos).toEqual([]);
    },
  );

  it('of more than 64 KiB is 413, and it is not read', async () => {
    const head = 'POST /boot/v1/hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n';
    expect(await rig.raw(`${head}Content-Length: 65537\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /);
    expect((await hello({ headers: { authorization: 'Bearer good' }, body: 'x'.repeat(65_536) })).status).toBe(204);
  });

  it('without a length is 411', async () => {
    const head = 'POST /boot/v1/hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n';
    expect(await rig.raw(`${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1.1 411 /);
  });

  it('is the only method there (405)', async () => {
    const response = await rig.fetch('/boot/v1/hello');
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('leaves no token in the log or the timeline', async () => {
    await hello({ headers: { authorization: 'Bearer good' }, body: 'x' });
    await hello({ headers: { authorization: 'Bearer s3cret-old' }, body: 'x' });
    await hello({ headers: { authorization: 'Bearer s3cret "broken' }, body: 'x' });
    expect(JSON.stringify([rig.log.lines, rig.seen])).not.toMatch(/good|s3cret/);
  });
});

describe('the addresses of the HTTP server', () => {
  it('may come and go while it runs', async () => {
    await rig.server.setAddresses(['127.0.0.2']);
    expect(rig.server.listening.map(({ address }) => address)).toEqual(['127.0.0.2']);
    const port = rig.port;
    const response = await fetch(`http://127.0.0.2:${port}/menu.lst`);
    expect(response.status).toBe(200);
    expect(rig.asked[0]).toMatchObject({ serverAddress: '127.0.0.2' });
  });

  it('that are taken fail the start with the port and what to do', async () => {
    const second = new Rig({ port: rig.port });
    await expect(second.server.start()).rejects.toThrow(new RegExp(`TCP port ${rig.port} on 127.0.0.1 is in use`));
  });

  it('are given up at once when it closes, also in the middle of a file', async () => {
    const response = await rig.fetch('/big');
    const reader = response.body?.getReader();
    await reader?.read();
    await rig.server.close();
    await expect(drained(reader)).rejects.toThrow('terminated');
    await expect(rig.fetch('/menu.lst')).rejects.toThrow('fetch failed');
  });
});

async function drained(reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<void> {
  for (let piece = await reader?.read(); piece?.done === false;) piece = await reader?.read();
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
