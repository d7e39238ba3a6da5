import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { BootHttpServer } from '../../src/httpboot/server.ts';
import { CapturedLog } from '../../src/log.ts';

const size = 3 * 1024 * 1024;
let directory = '';
let server: BootHttpServer;
let log: CapturedLog;
let asked = 0;
const sockets: Socket[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'virtdom-http-'));
  await writeFile(join(directory, 'kernel'), randomBytes(size));
  log = new CapturedLog();
  asked = 0;
  server = new BootHttpServer({
    settings: { port: 0, maxConnectionsPerClient: 8 },
    addresses: ['127.0.0.1'],
    tree: {
      open: () => {
        asked++;
        return Promise.resolve({ kind: 'static', file: join(directory, 'kernel'), size, modifiedMs: 0, etag: '"k"' } as const);
      },
    },
    desk: { hello: () => Promise.resolve({ accepted: true } as const) },
    observer: { observe() {} },
    clock: systemClock,
    log,
  });
  await server.start();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
  await rm(directory, { recursive: true });
});

async function open(): Promise<Socket> {
  const socket = connect(server.listening[0]?.port ?? 0, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

function kernelsOpen(): number {
  return readdirSync('/proc/self/fd').length;
}

function reasons(): unknown[] {
  return log.lines.map(({ fields }) => fields['reason']);
}

describe('BootHttpServer, with clients that ask for too much', () => {
  it('answers a pipeline one request after the other, each whole (RFC 9112 9.3.2)', async () => {
    const socket = await open();
    const before = kernelsOpen();
    let heard = 0;
    let most = 0;
    socket.on('data', (chunk) => {
      heard += chunk.length;
      most = Math.max(most, kernelsOpen());
    });
    socket.write('GET /kernel HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(10));
    await expect.poll(() => heard).toBeGreaterThan(10 * size);
    expect(asked).toBe(10);
    expect(most - before).toBeLessThanOrEqual(2);
  });

  it('drops the connection of a client that asks for a kernel a thousand times in one packet, and opens one file', async () => {
    const socket = await open();
    const before = kernelsOpen();
    socket.pause();
    socket.write('GET /kernel HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1000));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await expect.poll(reasons).toContain('too-many-requests-at-once');
    socket.resume();
    await closed;
    expect(asked).toBeLessThanOrEqual(1);
    await expect.poll(kernelsOpen).toBeLessThanOrEqual(before);
  });

  it('refuses the ninth connection of a client, and takes it once another is closed', async () => {
    const held = await Promise.all(Array.from({ length: 8 }, open));
    const ninth = await open();
    await new Promise((resolve) => ninth.once('close', resolve));
    expect(reasons()).toEqual(['too-many-connections-of-one-client']);
    held[0]?.destroy();
    await expect
      .poll(
        async () =>
          (await fetch(`http://127.0.0.1:${server.listening[0]?.port}/kernel`, { method: 'HEAD' }).catch(() => undefined))?.status,
      )
      .toBe(200);
  });
});
