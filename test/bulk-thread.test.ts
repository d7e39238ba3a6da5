import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { BulkThread, type BulkThreadParts } from '../src/bulk-thread.ts';
import { systemClock } from '../src/clock.ts';
import { CapturedLog } from '../src/log.ts';
import type { Observation } from '../src/model/boot-trace.ts';
import { kernelNetwork } from '../src/net/kernel-network.ts';
import { freePort } from './free-port.ts';
import { TftpClient } from './tftp/tftp-client.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function rig(parts: Partial<BulkThreadParts> = {}, addresses: readonly string[] = ['127.0.0.1']) {
  const ports = { tftp: await freePort(), http: await freePort() };
  const log = new CapturedLog();
  const seen: Observation[] = [];
  const thread = new BulkThread({
    settings: { tftp: { port: ports.tftp, maxBlockBytes: 1468, maxTransfers: 10 }, http: { port: ports.http }, addresses },
    tree: {
      open: async ({ path, protocol }) =>
        path.endsWith('menu.lst')
          ? { kind: 'rendered', bytes: Buffer.from(`for ${protocol}\n`), etag: '"1"', contentType: 'text/plain' }
          : { kind: 'missing', reason: 'not here' },
    },
    desk: { hello: async ({ token }) => (token === 'good' ? { accepted: true } : { accepted: false, reason: 'who are you?' }) },
    observer: { observe: (observation) => void seen.push(observation) },
    log,
    clock: systemClock,
    ...parts,
  });
  cleanups.push(() => thread.close());
  return { thread, ports, log, seen };
}

async function download(port: number, address = '127.0.0.1'): Promise<string> {
  const network = kernelNetwork({ clock: systemClock, log: new CapturedLog() });
  const client = await TftpClient.get(network, systemClock, '127.0.0.1', { address, port }, { path: 'menu.lst', options: { tsize: '0' } });
  cleanups.push(() => client.vanish());
  await expect.poll(() => client.done, { timeout: 5_000 }).toBe(true);
  return client.bytes.toString();
}

/** One request, and whether anything comes back within 300 ms. */
async function askTftp(port: number): Promise<'answer' | 'silence'> {
  const socket = createSocket('udp4');
  const answer = once(socket, 'message').then(() => 'answer' as const);
  socket.send(Buffer.from('\0\u0001menu.lst\0octet\0', 'latin1'), port, '127.0.0.1');
  const silence = new Promise<'silence'>((resolve) => setTimeout(() => resolve('silence'), 300));
  const first = await Promise.race([answer, silence]);
  socket.close();
  return first;
}

describe('the thread of TFTP and HTTP', () => {
  it('asks the control thread what a path means, tells it what it saw, and forwards its log', async () => {
    const { thread, ports, seen, log } = await rig();
    await thread.start();
    expect(await download(ports.tftp)).toBe('for tftp\n');
    expect(await (await fetch(`http://127.0.0.1:${ports.http}/menu.lst`)).text()).toBe('for http\n');
    expect((await fetch(`http://127.0.0.1:${ports.http}/nix`)).status).toBe(404);
    const phases = (): string[] => seen.flatMap((one) => (one.kind === 'file' ? [`${one.protocol} ${one.phase} ${one.bytes}`] : []));
    await expect
      .poll(() => phases().sort())
      .toEqual(['http finished 9', 'http missing 0', 'http opened 0', 'tftp finished 9', 'tftp opened 0']);
    await fetch(`http://127.0.0.1:${ports.http}/%00`);
    const stray = createSocket('udp4');
    stray.send(Buffer.of(0, 9), ports.tftp, '127.0.0.1');
    await expect.poll(() => log.lines).toMatchObject([{ fields: { thread: 'bulk', reason: 'malformed-bad-opcode' } }]);
    stray.close();
  });

  it('puts a hello to the desk', async () => {
    const { thread, ports } = await rig();
    await thread.start();
    const hello = async (token: string): Promise<number> => {
      const init = { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: 'up' };
      return (await fetch(`http://127.0.0.1:${ports.http}/boot/v1/hello`, init)).status;
    };
    expect([await hello('good'), await hello('bad')]).toEqual([204, 403]);
  });

  it('follows the addresses', async () => {
    const { thread, ports } = await rig();
    await thread.start();
    await thread.setNetworks({ addresses: ['127.0.0.3'] });
    expect(await download(ports.tftp, '127.0.0.3')).toBe('for tftp\n');
    await expect(fetch(`http://127.0.0.1:${ports.http}/menu.lst`)).rejects.toThrow('fetch failed');
  });

  it('follows whose TFTP requests are answered, also over a crash', async () => {
    const { thread, ports, log } = await rig({ entry: new URL('./bulk-mortal-worker.ts', import.meta.url) });
    await thread.start();
    const elsewhere = [{ network: 0x0a00_0000, prefixLength: 8 }];
    await thread.setNetworks({ addresses: ['127.0.0.1'], clients: elsewhere });
    await expect(askTftp(ports.tftp)).resolves.toBe('silence');
    await expect(thread.setNetworks({ addresses: ['127.0.0.1', '127.0.0.66'], clients: elsewhere })).rejects.toThrow('ended');
    await expect.poll(() => log.lines.map(({ message }) => message), { timeout: 5_000 }).toContain('TFTP and HTTP serve again');
    await expect(askTftp(ports.tftp)).resolves.toBe('silence');
    await thread.setNetworks({ addresses: ['127.0.0.1'], clients: [{ network: 0x7f00_0000, prefixLength: 8 }] });
    expect(await download(ports.tftp)).toBe('for tftp\n');
  });

  it.each(['udp', 'tcp'])(
    'fails to start where its %s port is taken, with the port and its holder, and leaves nothing behind',
    async (protocol) => {
      const { thread, ports } = await rig();
      const held = protocol === 'udp' ? await holdUdp(ports.tftp) : await holdTcp(ports.http);
      const port = protocol === 'udp' ? ports.tftp : ports.http;
      await expect(thread.start()).rejects.toThrow(`${protocol.toUpperCase()} port ${port} on 127.0.0.1 is in use`);
      await held();
      const second = await rig({ settings: settingsFor(ports) });
      await second.thread.start();
    },
  );

  it('is started again after a crash, with the addresses of now, and says so', async () => {
    const { thread, ports, log } = await rig({ entry: new URL('./bulk-mortal-worker.ts', import.meta.url) });
    await thread.start();
    expect(await download(ports.tftp)).toBe('for tftp\n');
    await expect(thread.setNetworks({ addresses: ['127.0.0.1', '127.0.0.66'] })).rejects.toThrow('the thread of TFTP and HTTP ended');
    await expect.poll(() => log.lines.map(({ message }) => message), { timeout: 5_000 }).toContain('TFTP and HTTP serve again');
    expect(log.lines[0]).toMatchObject({ level: 'error', fields: { restartMs: 100, err: { cause: { message: 'struck by lightning' } } } });
    expect(await download(ports.tftp, '127.0.0.66')).toBe('for tftp\n');
    expect((await fetch(`http://127.0.0.66:${ports.http}/menu.lst`)).status).toBe(200);
  });

  it('tries again, later each time, where it can not start after a crash', async () => {
    const { thread, ports, log } = await rig({ entry: new URL('./bulk-mortal-worker.ts', import.meta.url) });
    await thread.start();
    const release = await holdTcp(ports.http, '127.0.0.66');
    await expect(thread.setNetworks({ addresses: ['127.0.0.1', '127.0.0.66'] })).rejects.toThrow('ended');
    await expect
      .poll(() => log.lines.filter(({ message }) => message.includes('trying again')).length, { timeout: 5_000 })
      .toBeGreaterThan(1);
    await release();
    await expect.poll(() => log.lines.at(-1)?.message, { timeout: 10_000 }).toBe('TFTP and HTTP serve again');
    const waits = log.lines.flatMap(({ fields }) => (typeof fields['restartMs'] === 'number' ? [fields['restartMs']] : []));
    expect(waits).toEqual(waits.map((_, index) => 100 * 2 ** index));
    expect((await fetch(`http://127.0.0.66:${ports.http}/menu.lst`)).status).toBe(200);
  });

  it('tells clients in mid-transfer when it closes', async () => {
    const { thread, ports } = await rig();
    await thread.start();
    const answers: Buffer[] = [];
    const client = createSocket('udp4');
    client.on('message', (bytes) => answers.push(bytes));
    client.send(Buffer.from('\0\u0001menu.lst\0octet\0tsize\u00000\0', 'latin1'), ports.tftp, '127.0.0.1');
    await expect.poll(() => answers.length).toBeGreaterThan(0);
    await thread.close();
    await expect.poll(() => answers.at(-1)?.toString('latin1')).toContain('the server is shutting down');
    client.close();
  });
});

function settingsFor(ports: { tftp: number; http: number }): BulkThreadParts['settings'] {
  return { tftp: { port: ports.tftp, maxBlockBytes: 1468, maxTransfers: 10 }, http: { port: ports.http }, addresses: ['127.0.0.1'] };
}

async function holdUdp(port: number): Promise<() => Promise<void>> {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return () => new Promise<void>((resolve) => socket.close(resolve));
}

async function holdTcp(port: number, address = '127.0.0.1'): Promise<() => Promise<void>> {
  const server = createServer().listen(port, address);
  await once(server, 'listening');
  return () => new Promise<void>((resolve) => server.close(() => resolve()));
}
