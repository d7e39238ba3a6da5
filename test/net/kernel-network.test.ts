import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { BindFailure, describeBindFailure } from '../../src/net/bind-failure.ts';
import { kernelNetwork } from '../../src/net/kernel-network.ts';
import type { UdpChannel, UdpPeer } from '../../src/net/udp-channel.ts';

const open: UdpChannel[] = [];

async function keep(channel: Promise<UdpChannel>): Promise<UdpChannel> {
  open.push(await channel);
  return channel;
}

function network() {
  const kernel = kernelNetwork({ clock: systemClock, log: silentLog });
  return {
    bindInterface: (name: string, port: number) => keep(kernel.bindInterface(name, port)),
    bindAddress: (address: string, port: number) => keep(kernel.bindAddress(address, port)),
  };
}

function nextDatagram(channel: UdpChannel): Promise<{ text: string; from: UdpPeer }> {
  return new Promise((resolve) => channel.onDatagram((bytes, from) => resolve({ text: Buffer.from(bytes).toString(), from })));
}

/** Awaits what must be rejected. */
async function failureOf(promise: Promise<unknown>): Promise<BindFailure> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as BindFailure,
  );
}

afterEach(async () => {
  for (const channel of open.splice(0)) await channel.close();
});

describe('kernelNetwork', () => {
  it('hears broadcasts on the socket of the interface and unicasts on that of the address, on one port', async () => {
    const { bindInterface, bindAddress } = network();
    const client = await bindAddress('127.0.0.1', 0);
    const address = await bindAddress('127.0.0.1', 0);
    const shared = await bindInterface('lo', address.local.port);
    const broadcast = nextDatagram(shared);
    const unicast = nextDatagram(address);
    client.send(Buffer.from('to all'), { address: '127.255.255.255', port: address.local.port });
    client.send(Buffer.from('to one'), { address: '127.0.0.1', port: address.local.port });
    expect(await broadcast).toMatchObject({ text: 'to all', from: client.local });
    expect(await unicast).toMatchObject({ text: 'to one', from: client.local });
  });

  it('answers from the address that was asked', async () => {
    const { bindAddress } = network();
    const client = await bindAddress('127.0.0.1', 0);
    const second = await bindAddress('127.0.0.9', 0);
    const answer = nextDatagram(client);
    second.send(Buffer.from('x'), client.local);
    expect((await answer).from).toMatchObject(second.local);
  });

  it('lets the caller reuse its buffer', async () => {
    const { bindAddress } = network();
    const client = await bindAddress('127.0.0.1', 0);
    const server = await bindAddress('127.0.0.1', 0);
    const heard = nextDatagram(server);
    const bytes = Buffer.from('first');
    client.send(bytes, server.local);
    bytes.fill(0);
    expect((await heard).text).toBe('first');
  });

  it('refuses a port that is held, and says by whom', async () => {
    const { local } = await network().bindAddress('127.0.0.1', 0);
    const failure = await failureOf(network().bindAddress('127.0.0.1', local.port));
    expect(failure).toBeInstanceOf(BindFailure);
    expect(failure.code).toBe('EADDRINUSE');
    expect(failure.holders.map(({ pid }) => pid)).toContain(process.pid);
    expect(failure.message).toContain(`UDP port ${local.port} on 127.0.0.1 is in use by`);
  });

  it('refuses a port that a second server holds on the interface, although Linux would share it', async () => {
    const { local } = await network().bindInterface('lo', 0);
    const failure = await failureOf(network().bindInterface('lo', local.port));
    expect(failure.code).toBe('EADDRINUSE');
  });

  it.each([
    { what: 'an interface that is not there', bind: () => network().bindInterface('nix9', 0), text: 'there is no interface nix9' },
    { what: 'an address that is not ours', bind: () => network().bindAddress('192.0.2.77', 0), text: 'this machine has no such address' },
  ])('says what is wrong with $what', async ({ bind, text }) => {
    expect((await failureOf(bind())).message).toContain(text);
  });
});

describe('describeBindFailure', () => {
  it('names the process that listens on a TCP port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const cause = Object.assign(new Error('listen'), { code: 'EADDRINUSE' });
    const failure = describeBindFailure(cause, { protocol: 'tcp', address: '127.0.0.1', port });
    await new Promise((resolve) => server.close(resolve));
    expect(failure.message).toMatch(new RegExp(`^TCP port ${port} on 127.0.0.1 is in use by .+ \\(process ${process.pid}\\)`));
    expect(failure.cause).toBe(cause);
  });

  it('says which privilege is missing', () => {
    const failure = describeBindFailure(Object.assign(new Error('bind'), { code: 'EACCES' }), {
      protocol: 'udp',
      address: '0.0.0.0',
      port: 67,
    });
    expect(failure.message).toBe(
      'UDP port 67 on 0.0.0.0 needs a privilege that this process lacks: run as root, or with CAP_NET_BIND_SERVICE and CAP_NET_RAW',
    );
  });

  it('says for port 111, which nobody can choose, that rpcbind may keep it', () => {
    const taken = Object.assign(new Error('listen'), { code: 'EADDRINUSE' });
    const { message } = describeBindFailure(taken, { protocol: 'tcp', address: '127.0.0.1', port: 111 });
    expect(message).toMatch(/in use by .*: stop it, or set nfs.portmap to register, where that is rpcbind$/);
  });

  it('keeps the text of an error that it does not know', () => {
    expect(describeBindFailure(new Error('odd'), { protocol: 'udp', address: '0.0.0.0', port: 69 }).message).toContain(
      'could not be opened: odd',
    );
  });
});
