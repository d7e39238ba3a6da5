import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import type { Observation } from '../../src/model/boot-trace.ts';
import { kernelNetwork } from '../../src/net/kernel-network.ts';
import { NfsService, type NfsSettings } from '../../src/nfs/nfs-service.ts';
import { freePort } from '../free-port.ts';
import { askUdp, mount, NfsClient } from './nfs-client.ts';
import { handleKey, opaque, rpcCall, xdr } from './nfs-rig.ts';
import { blobFile, cidr, contents, sampleImage, sha256 } from './sample-image.ts';

async function until<Value>(what: () => Value | undefined | false): Promise<Value> {
  for (const deadline = Date.now() + 8000; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const value = what();
    if (value !== undefined && value !== false) return value;
  }
  throw new Error(`waited in vain for ${what.toString()}`);
}

describe('the NFS service', { timeout: 20_000 }, () => {
  let dir: string;
  let ports: { port: number; mountPort: number; portmapPort: number };
  let log: CapturedLog;
  let seen: Observation[];
  let service: NfsService;
  let workers: Worker[];

  function make(settings: Partial<NfsSettings> = {}): NfsService {
    return new NfsService(
      { ...ports, portmap: 'own', workers: 2, handleKey, addresses: ['127.0.0.1', '127.0.0.2'], ...settings },
      {
        observer: { observe: (observation) => void seen.push(observation) },
        network: kernelNetwork({ clock: systemClock, log }),
        clock: systemClock,
        log,
        startWorker(workerData, name) {
          const worker = new Worker(new URL('../../src/nfs/worker.ts', import.meta.url), { workerData, name });
          workers.push(worker);
          return worker;
        },
      },
    );
  }

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'virtdom-nfs-'));
    const [port, mountPort, portmapPort] = [await freePort(), await freePort(), await freePort()];
    ports = { port, mountPort, portmapPort };
    log = new CapturedLog();
    seen = [];
    workers = [];
    service = make();
    await service.start();
  });
  afterEach(async () => {
    await service.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Connections until each worker had some: the kernel spreads them. */
  async function clients(count = 16): Promise<NfsClient[]> {
    return Promise.all(Array.from({ length: count }, () => NfsClient.to(ports.port)));
  }

  it('serves an image from every worker as soon as publish resolves', async () => {
    const connections = await clients();
    await service.publish(sampleImage(dir, ['127.0.0.0/8']));
    const handle = await mount(ports.mountPort, '/images/dom0@3');
    for (const connection of connections) {
      const found = await connection.ask(100_003, 3, 3, xdr(handle, 'etc'));
      expect(found.u32()).toBe(0);
      const file = await connection.ask(100_003, 3, 3, xdr(opaque(found), 'hostname'));
      expect(file.u32()).toBe(0);
      const read = await connection.ask(100_003, 3, 6, xdr(opaque(file), 0, 0, 100));
      expect(read.u32()).toBe(0);
      read.skip(88 + 8);
      expect(opaque(read)).toEqual(contents['/etc/hostname']);
      connection.close();
    }
    expect(seen).toMatchObject([{ kind: 'mount', clientAddress: '127.0.0.1', path: '/images/dom0@3', outcome: 'mounted' }]);
  });

  it('knows when a client last used NFS, and which image', async () => {
    const image = sampleImage(dir, ['127.0.0.0/8']);
    await service.publish(image);
    expect(service.lastRead('127.0.0.1')).toBeUndefined();
    const handle = await mount(ports.mountPort, '/images/dom0@3');
    const before = Date.now();
    const connection = await NfsClient.to(ports.port);
    await connection.ask(100_003, 3, 1, xdr(handle));
    connection.close();
    expect(await until(() => service.lastRead('127.0.0.1'))).toBeGreaterThanOrEqual(before);
    expect(service.lastUse(image.ref)).toBeGreaterThanOrEqual(before);
    expect(service.lastRead('127.0.0.9')).toBeUndefined();
  });

  it('makes handles stale in every worker when an image is withdrawn', async () => {
    const image = sampleImage(dir, ['127.0.0.0/8']);
    await service.publish(image);
    const handle = await mount(ports.mountPort, '/images/dom0@3');
    const connections = await clients();
    await service.withdraw(image.ref);
    for (const connection of connections) {
      expect((await connection.ask(100_003, 3, 1, xdr(handle))).u32()).toBe(70);
      connection.close();
    }
    await expect(mount(ports.mountPort, '/images/dom0@3')).rejects.toThrow('MOUNT answers 2');
  });

  it('answers UDP from the address that was asked, and follows the addresses (rule 17)', async () => {
    await service.publish(sampleImage(dir, ['127.0.0.0/8']));
    const handle = await mount(ports.mountPort, '/images/dom0@3');
    const getAttributes = rpcCall(100_003, 3, 1, xdr(handle));
    for (const address of ['127.0.0.1', '127.0.0.2']) {
      const answer = await askUdp(ports.port, getAttributes, address);
      expect(answer?.from).toBe(address);
      expect(answer?.reply).toHaveLength(24 + 4 + 84);
      expect((await askUdp(ports.mountPort, rpcCall(100_005, 3, 0), address))?.from).toBe(address);
      expect((await askUdp(ports.portmapPort, rpcCall(100_000, 2, 0), address))?.from).toBe(address);
    }
    expect(await askUdp(ports.port, getAttributes, '127.0.0.3')).toBeUndefined();
    const all = [cidr('127.0.0.0/8')];
    await service.setNetworks({ addresses: ['127.0.0.3', '127.0.0.2'], readers: all, udpClients: all });
    expect((await askUdp(ports.port, getAttributes, '127.0.0.3'))?.from).toBe('127.0.0.3');
    expect((await askUdp(ports.port, getAttributes, '127.0.0.2'))?.from).toBe('127.0.0.2');
    expect(await askUdp(ports.port, getAttributes, '127.0.0.1')).toBeUndefined();
  });

  it('lets others read from now on, on connections that are open too, and images that are published later', async () => {
    const image = sampleImage(dir, ['127.0.0.0/8']);
    await service.publish(image);
    const handle = await mount(ports.mountPort, '/images/dom0@3');
    const connections = await clients();
    const statuses = async (): Promise<ReadonlySet<number>> =>
      new Set(await Promise.all(connections.map(async (each) => (await each.ask(100_003, 3, 1, xdr(handle))).u32())));
    expect([...(await statuses())]).toEqual([0]);
    const addresses = ['127.0.0.1'];
    await service.setNetworks({ addresses, readers: [cidr('10.0.0.0/8')], udpClients: [] });
    expect([...(await statuses())]).toEqual([13]);
    await service.publish(image);
    expect([...(await statuses())]).toEqual([13]);
    await expect(mount(ports.mountPort, '/images/dom0@3')).rejects.toThrow('MOUNT answers 13');
    await service.setNetworks({ addresses, readers: [cidr('127.0.0.0/8')], udpClients: [] });
    expect([...(await statuses())]).toEqual([0]);
    for (const connection of connections) connection.close();
  });

  it('answers UDP to others from now on', async () => {
    const question = rpcCall(100_003, 3, 0);
    expect(await askUdp(ports.port, question, '127.0.0.1')).toBeDefined();
    const addresses = ['127.0.0.1', '127.0.0.2'];
    await service.setNetworks({ addresses, readers: [], udpClients: [cidr('10.0.0.0/8')] });
    expect(await askUdp(ports.port, question, '127.0.0.1')).toBeUndefined();
    await service.setNetworks({ addresses, readers: [], udpClients: [cidr('127.0.0.0/8')] });
    expect(await askUdp(ports.port, question, '127.0.0.1')).toBeDefined();
  });

  it('says which address it cannot have, and serves the others', async () => {
    const all = [cidr('127.0.0.0/8')];
    await service.setNetworks({ addresses: ['192.0.2.1', '127.0.0.2', '127.0.0.1'], readers: all, udpClients: all });
    expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { worker: 0 } }]);
    for (const address of ['127.0.0.1', '127.0.0.2'])
      expect((await askUdp(ports.port, rpcCall(100_003, 3, 0), address))?.from).toBe(address);
  });

  it('tells a worker that is started again whom to answer', async () => {
    const image = sampleImage(dir, ['127.0.0.0/8']);
    await service.publish(image);
    await service.setNetworks({ addresses: ['127.0.0.1'], readers: [cidr('10.0.0.0/8')], udpClients: [cidr('10.0.0.0/8')] });
    const before = workers.length;
    await Promise.all(workers.map((worker) => worker.terminate()));
    await until(() => workers.length === before + 2);
    await until(() => log.lines.some(({ message }) => message === 'an NFS worker crashed'));
    await service.publish(image);
    await expect(mount(ports.mountPort, '/images/dom0@3')).rejects.toThrow('MOUNT answers 13');
    expect(await askUdp(ports.port, rpcCall(100_003, 3, 0), '127.0.0.1')).toBeUndefined();
  });

  it('gives at most 32 KiB a READ over UDP', async () => {
    await service.publish(sampleImage(dir, ['127.0.0.0/8']));
    const connection = await NfsClient.to(ports.port);
    const found = await connection.ask(100_003, 3, 3, xdr(await mount(ports.mountPort, '/images/dom0@3/usr'), 'big'));
    connection.close();
    found.u32();
    const answer = await askUdp(ports.port, rpcCall(100_003, 3, 6, xdr(opaque(found), 0, 0, 1_000_000)));
    expect(answer?.reply.subarray(-32_768)).toEqual(contents['/usr/big']?.subarray(0, 32_768));
    expect(answer?.reply.readUInt32BE(24 + 4 + 88)).toBe(32_768);
  });

  it('drops a malformed datagram and closes on a malformed record, with a reason in the log and in the trace', async () => {
    expect(await askUdp(ports.port, Buffer.from('rubbish'))).toBeUndefined();
    const connection = await NfsClient.to(ports.port);
    connection.raw(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await connection.closed;
    await until(() => seen.length >= 2);
    const reasons = seen.map((observation) => observation.kind === 'ignored' && observation.reason);
    expect(new Set(reasons)).toEqual(new Set(['malformed datagram', 'malformed record']));
    expect(log.lines.filter(({ message }) => message === 'dropped').map(({ fields }) => fields['reason'])).toHaveLength(2);
  });

  it('turns a damaged blob into an I/O error, a line in the log and an event', async () => {
    const image = sampleImage(dir, ['127.0.0.0/8']);
    await service.publish(image);
    const blob = blobFile(image.blobDir, sha256(contents['/usr/big'] ?? Buffer.alloc(0)));
    chmodSync(blob, 0o644);
    writeFileSync(blob, Buffer.alloc(contents['/usr/big']?.length ?? 0));
    const connection = await NfsClient.to(ports.port);
    const found = await connection.ask(100_003, 3, 3, xdr(await mount(ports.mountPort, '/images/dom0@3/usr'), 'big'));
    found.u32();
    expect((await connection.ask(100_003, 3, 6, xdr(opaque(found), 0, 0, 10))).u32()).toBe(5);
    connection.close();
    await until(() => seen.some(({ kind }) => kind === 'ignored'));
    expect(log.lines.find(({ level }) => level === 'error')).toMatchObject({ fields: { code: 'wrong-seal', file: blob } });
  });

  it('restarts a worker that crashed, with all that was published', async () => {
    await service.publish(sampleImage(dir, ['127.0.0.0/8']));
    const handle = await mount(ports.mountPort, '/images/dom0@3');
    const connections = await clients();
    await workers[0]?.terminate();
    await service.publish({ ...sampleImage(dir, ['127.0.0.0/8'], 4) });
    const other = await mount(ports.mountPort, '/images/dom0@4');
    for (const connection of [...connections, ...(await clients())]) {
      const reply = await connection.ask(100_003, 3, 1, xdr(handle)).catch(() => undefined);
      if (reply === undefined) continue;
      expect(reply.u32()).toBe(0);
      expect((await connection.ask(100_003, 3, 1, xdr(other))).u32()).toBe(0);
      connection.close();
    }
    expect((await askUdp(ports.port, rpcCall(100_003, 3, 1, xdr(handle))))?.reply).toHaveLength(24 + 4 + 84);
    expect(log.lines.some(({ message }) => message === 'an NFS worker crashed')).toBe(true);
  });

  it('says which port is in use, by whom, and what to do; and leaves nothing running', async () => {
    const [port, mountPort, portmapPort] = [await freePort(), await freePort(), await freePort()];
    const holder = createServer();
    await new Promise<void>((resolve) => void holder.listen(portmapPort, '0.0.0.0', resolve));
    const second = make({ port, mountPort, portmapPort });
    await expect(second.start()).rejects.toThrow(new RegExp(`TCP port ${portmapPort} .* in use by .*\\(process ${process.pid}\\)`));
    await expect(NfsClient.to(port)).rejects.toThrow('ECONNREFUSED');
    holder.close();
  });

  it('does not share the port of a first process in silence (rule 26)', async () => {
    await expect(make().start()).rejects.toThrow(`TCP port ${ports.port} on 0.0.0.0 is in use`);
  });

  it('registers its services with the portmapper that is there, and takes them back', async () => {
    const [port, mountPort] = [await freePort(), await freePort()];
    const registrar = make({ port, mountPort, portmap: 'register', addresses: [] });
    // Ours refuses every SET, as rpcbind does for a service that another server has.
    await expect(registrar.start()).rejects.toThrow('rpcbind refuses to register program 100003 version 3 on tcp');
    await expect(NfsClient.to(port)).rejects.toThrow('ECONNREFUSED');
  });
});
