import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { CapturedLog, silentLog } from '../../src/log.ts';
import type { Observation } from '../../src/model/boot-trace.ts';
import { kernelNetwork } from '../../src/net/kernel-network.ts';
import { NfsServer } from '../../src/nfs/nfs-server.ts';
import { freePort } from '../free-port.ts';
import { askUdp, NfsClient } from './nfs-client.ts';
import { handleKey, rpcCall, xdr } from './nfs-rig.ts';
import { cidr } from './sample-image.ts';

let server: NfsServer;
let log: CapturedLog;
let seen: Observation[];
let ports: { port: number; mountPort: number; portmapPort: number };

beforeEach(async () => {
  const [port, mountPort, portmapPort] = [await freePort(), await freePort(), await freePort()];
  ports = { port, mountPort, portmapPort };
  log = new CapturedLog();
  seen = [];
  server = new NfsServer({
    handleKey,
    ports,
    hasMountd: true,
    udpClients: [cidr('127.0.0.0/16')],
    network: kernelNetwork({ clock: systemClock, log: silentLog }),
    clock: systemClock,
    log,
    observe: (observation) => void seen.push(observation),
    active() {},
  });
  await server.start();
  await server.setAddresses({ nfs: ['127.0.0.1', '127.9.0.1'], mountd: ['127.0.0.1', '127.9.0.1'] });
});
afterEach(() => server.close());

describe('NfsServer, with clients that ask for too much', () => {
  it('answers a client that mounts without end, but the control thread hears of a thousand in two seconds', async () => {
    const client = await NfsClient.to(ports.mountPort);
    const answers = await Promise.all(Array.from({ length: 3000 }, () => client.ask(100_005, 3, 1, xdr('/images/none@1'))));
    client.close();
    expect(answers.every((reply) => reply.u32() === 2)).toBe(true);
    expect(seen.length).toBeGreaterThanOrEqual(1000);
    // The two seconds may have passed once meanwhile.
    expect(seen.length).toBeLessThanOrEqual(2000);
  });

  it('answers UDP in our subnets alone: a forged sender would have six times as many bytes sent to somebody else', async () => {
    const dump = rpcCall(100_000, 2, 4);
    expect((await askUdp(ports.portmapPort, dump, '127.0.0.1'))?.reply.length).toBeGreaterThan(200);
    expect(await askUdp(ports.portmapPort, dump, '127.9.0.1', '127.9.0.1')).toBeUndefined();
    expect(log.lines.at(-1)?.fields).toMatchObject({ reason: 'a datagram from no subnet of ours', client: '127.9.0.1' });
  });
});
