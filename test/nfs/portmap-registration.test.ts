import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { kernelNetwork } from '../../src/net/kernel-network.ts';
import type { UdpChannel } from '../../src/net/udp-channel.ts';
import { mappingsOf } from '../../src/nfs/nfs-server.ts';
import { PortmapRegistration } from '../../src/nfs/portmap-registration.ts';
import { decodeCall, writeAccepted } from '../../src/nfs/rpc-message.ts';

const network = kernelNetwork({ clock: systemClock, log: silentLog });
const ports = { port: 2049, mountPort: 20_048 };
const ours = ['100003 3 6 2049', '100003 3 17 2049', '100005 1 6 20048', '100005 1 17 20048', '100005 3 6 20048', '100005 3 17 20048'];

/** As rpcbind 1.2.6 was seen to do it: UNSET looks at program and version alone, SET refuses what is there. */
class FakeRpcbind {
  registered: string[];
  loseReplies = 0;
  readonly channel: UdpChannel;

  constructor(channel: UdpChannel, registered: string[] = []) {
    this.channel = channel;
    this.registered = registered;
    channel.onDatagram((bytes, from) => {
      const reader = new ByteReader(bytes);
      const { xid, procedure } = decodeCall(reader);
      const [program, version, protocol, port] = [reader.u32(), reader.u32(), reader.u32(), reader.u32()];
      reader.expectEnd();
      const service = `${program} ${version} ${protocol} `;
      const found = this.registered.find((line) => line.startsWith(service));
      if (procedure === 1 && found === undefined) this.registered.push(`${service}${port}`);
      if (procedure === 2) this.registered = this.registered.filter((line) => !line.startsWith(`${program} ${version} `));
      if (this.loseReplies-- > 0) return;
      const isDone = (procedure === 1) === (found === undefined) ? 1 : 0;
      const writer = new ByteWriter();
      writeAccepted(writer, xid, 0);
      channel.send(writer.u32(procedure === 3 ? Number(found?.split(' ')[3] ?? 0) : isDone).finish(), from);
    });
  }
}

describe('registration with the rpcbind that is there', { timeout: 10_000 }, () => {
  let rpcbind: FakeRpcbind;
  let registration: PortmapRegistration;
  beforeEach(async () => {
    rpcbind = new FakeRpcbind(await network.bindAddress('127.0.0.1', 0), ['100024 1 6 999']);
    registration = new PortmapRegistration(mappingsOf(ports), rpcbind.channel.local.port, network);
  });
  afterEach(() => rpcbind.channel.close());

  it('registers every service over both transports, and takes back only its own', async () => {
    await registration.set();
    expect(rpcbind.registered).toEqual(['100024 1 6 999', ...ours]);
    await registration.unset();
    expect(rpcbind.registered).toEqual(['100024 1 6 999']);
  });

  it('takes over what an earlier process left behind', async () => {
    rpcbind.registered = ['100003 3 6 2049', '100005 3 17 20048'];
    await registration.set();
    expect(new Set(rpcbind.registered)).toEqual(new Set(ours));
  });

  it('leaves the service of another server alone, and says which port it has', async () => {
    rpcbind.registered = ['100005 1 17 4711'];
    await expect(registration.set()).rejects.toThrow(/port 20048: it has port 4711 for it; stop that server/);
    await registration.unset();
    expect(rpcbind.registered).not.toContain('100003 3 6 2049');
    expect(rpcbind.registered).toContain('100005 1 17 4711');
  });

  it('asks again when an answer is lost', async () => {
    rpcbind.loseReplies = 1;
    await registration.set();
    expect(rpcbind.registered).toContain('100003 3 6 2049');
  });

  it('says so where no rpcbind answers, and is silent about it at the end', async () => {
    await rpcbind.channel.close();
    await expect(registration.set()).rejects.toThrow('no rpcbind answers on UDP port');
    await registration.unset();
  });
});
