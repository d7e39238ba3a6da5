import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ipv4Number } from '../../src/model/ipv4.ts';
import type { UdpChannel, UdpPeer } from '../../src/net/udp-channel.ts';
import { decodeTftp, encodeTftp, type TftpPacket } from '../../src/tftp/packet.ts';
import { TftpRig, clientAddress, pattern, serverAddress } from './tftp-rig.ts';

interface Answer {
  readonly packet: TftpPacket;
  readonly from: UdpPeer;
}

/** A port that says exactly what a test makes it say. */
class ScriptedClient {
  readonly answers: Answer[] = [];
  readonly #channel: UdpChannel;

  private constructor(channel: UdpChannel) {
    this.#channel = channel;
    channel.onDatagram((bytes, from) => void this.answers.push({ packet: decodeTftp(bytes), from }));
  }

  static async on(rig: TftpRig, port = 2_001, address = clientAddress): Promise<ScriptedClient> {
    return new ScriptedClient(await rig.lan.host(address).bindAddress(address, port));
  }

  say(packet: TftpPacket | Uint8Array, to: UdpPeer = { address: serverAddress, port: 69 }): void {
    this.#channel.send(packet instanceof Uint8Array ? packet : encodeTftp(packet), to);
  }

  get kinds(): string {
    return this.answers
      .map(({ packet }) => (packet.kind === 'data' ? String(packet.block) : packet.kind === 'error' ? `ERROR ${packet.code}` : packet.kind))
      .join(' ');
  }

  get transfer(): UdpPeer {
    return this.answers.at(-1)?.from ?? { address: '', port: 0 };
  }
}

const rrq = (path: string, mode = 'octet', options: Readonly<Record<string, string>> = {}): TftpPacket => ({
  kind: 'rrq',
  path,
  mode,
  options: Object.entries(options).map(([name, value]) => ({ name, value })),
});

async function started(wish: ConstructorParameters<typeof TftpRig>[0] = {}): Promise<{ rig: TftpRig; client: ScriptedClient }> {
  const rig = new TftpRig(wish);
  rig.rendered('/f', pattern(2_000));
  await rig.server.start();
  return { rig, client: await ScriptedClient.on(rig) };
}

describe('a request to the TFTP server', () => {
  it('is put to the tree with both addresses, and answered from a port of its own on the address that was asked', async () => {
    const { rig, client } = await started();
    client.say(rrq('/f'));
    await rig.pass(20);
    expect(rig.asked).toEqual([{ protocol: 'tftp', clientAddress, serverAddress, path: '/f' }]);
    expect(client.transfer.address).toBe(serverAddress);
    expect(client.transfer.port).not.toBe(69);
  });

  it.each([
    { name: 'a write request with ERROR 2', packet: { kind: 'wrq', path: '/f', mode: 'octet', options: [] }, code: 2 },
    { name: 'mode mail with ERROR 4 (RFC 1350 obsoletes it)', packet: rrq('/f', 'mail'), code: 4 },
    { name: 'an empty file name with ERROR 2', packet: rrq(''), code: 2 },
    { name: 'a file name of 256 characters with ERROR 2', packet: rrq(`/${'f'.repeat(255)}`), code: 2 },
    { name: 'a line feed in a file name with ERROR 2', packet: rrq('/f\nroot logged in'), code: 2 },
  ] as const)('refuses $name, without asking the tree', async ({ packet, code }) => {
    const { rig, client } = await started();
    client.say(packet);
    await rig.pass(20);
    expect(client.kinds).toBe(`ERROR ${code}`);
    expect(rig.asked).toEqual([]);
    expect(rig.seen).toMatchObject([{ kind: 'file', phase: 'refused' }]);
    expect(rig.server.transfers).toBe(0);
  });

  it.each(['OCTET', 'Octet', 'octet'])('takes the mode in any case: %s (RFC 1350 5)', async (mode) => {
    const { rig, client } = await started();
    client.say(rrq('/f', mode));
    await rig.pass(20);
    expect(client.kinds).toBe('1');
  });

  it('turns line ends into CR LF, and a lone CR into CR NUL, in netascii', async () => {
    const { rig, client } = await started();
    rig.rendered('/menu', Buffer.from('default 0\ntimeout\r3\r\n'));
    client.say(rrq('/menu', 'netascii', { tsize: '0' }));
    await rig.pass(20);
    client.say({ kind: 'ack', block: 0 }, client.transfer);
    await rig.pass(20);
    const [oack, data] = client.answers.map(({ packet }) => packet);
    expect(oack).toEqual({ kind: 'oack', options: [{ name: 'tsize', value: '23' }] });
    expect(data?.kind === 'data' ? Buffer.from(data.bytes).toString() : '').toBe('default 0\r\ntimeout\r\u00003\r\n');
  });

  it.each([
    { kind: 'missing', code: 1 },
    { kind: 'refused', code: 2 },
  ] as const)('is told that the file is $kind, and the reason goes to the timeline only', async ({ kind, code }) => {
    const { rig, client } = await started();
    rig.files.set('/x', { kind, reason: 'the machine is not known' });
    client.say(rrq('/x'));
    await rig.pass(20);
    expect(client.answers).toMatchObject([{ packet: { kind: 'error', code } }]);
    expect(JSON.stringify(client.answers)).not.toContain('not known');
    expect(rig.seen).toMatchObject([
      { kind: 'file', phase: kind, path: '/x', clientAddress, bytes: 0, reason: 'the machine is not known' },
    ]);
  });

  it('is told ERROR 0 where the file on the disk is not the one that was announced', async () => {
    const { rig, client } = await started();
    rig.files.set('/gone', { kind: 'static', file: '/nonexistent/kernel', size: 5, modifiedMs: 0, etag: '"1"' });
    client.say(rrq('/gone'));
    await rig.run(() => client.answers.length > 0);
    expect(client.kinds).toBe('ERROR 0');
    expect(rig.seen).toMatchObject([{ phase: 'aborted', reason: expect.stringContaining('ENOENT') }]);
  });

  it('is dropped with a reason where it is malformed, but a flood of them neither fills the log nor reaches the control thread', async () => {
    const { rig, client } = await started();
    for (let count = 0; count < 100; count++) client.say(Uint8Array.of(0, 1, 0x41));
    client.say(Uint8Array.of(0));
    client.say({ kind: 'ack', block: 1 });
    await rig.pass(20);
    expect(client.kinds).toBe('');
    expect(rig.log.lines.filter(({ fields }) => fields['reason'] === 'malformed-truncated')).toHaveLength(10);
    expect(rig.seen).toHaveLength(50);
    rig.clock.advance(1000);
    client.say(Uint8Array.of(0));
    await rig.pass(20);
    expect(rig.seen).toHaveLength(51);
    expect(rig.seen[0]).toMatchObject({ kind: 'ignored', protocol: 'tftp', clientAddress });
    await rig.server.close();
    expect(rig.log.lines.at(-1)).toMatchObject({
      fields: { reason: 'malformed-truncated', count: 92 },
      message: 'dropped more, not shown',
    });
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('gets neither bytes nor an ERROR where its sender is in no subnet of ours, as a forged one may be', async () => {
    const { rig, client } = await started({ settings: { clients: [{ network: ipv4Number('10.0.0.0'), prefixLength: 24 }] } });
    const stranger = await ScriptedClient.on(rig, 2_001, '203.0.113.9');
    for (const packet of [rrq('/f'), rrq('/nothing'), rrq('/f', 'mail')]) stranger.say(packet);
    for (let count = 0; count < 100; count++) stranger.say(rrq(''));
    client.say(rrq('/f'));
    await rig.pass(20);
    expect(stranger.kinds).toBe('');
    expect(client.kinds).toBe('1');
    expect(rig.asked.map(({ clientAddress: from }) => from)).toEqual([clientAddress]);
    expect(rig.log.lines.filter(({ fields }) => fields['reason'] === 'no-client-of-ours')).toHaveLength(10);
    expect(rig.seen.filter(({ kind }) => kind === 'ignored')).toHaveLength(50);
  });

  it('that comes again from the same port is no second transfer', async () => {
    const { rig, client } = await started();
    client.say(rrq('/f', 'octet', { tsize: '0' }));
    client.say(rrq('/f', 'octet', { tsize: '0' }));
    await rig.pass(20);
    client.say(rrq('/f', 'octet', { tsize: '0' }));
    await rig.pass(20);
    expect(rig.server.transfers).toBe(1);
    expect(client.kinds).toBe('oack');
    client.say({ kind: 'ack', block: 0 }, client.transfer);
    await rig.pass(11);
    client.say(rrq('/f', 'octet', { tsize: '0' }));
    await rig.pass(11);
    expect(rig.phases).toEqual(['opened /f 0']);
  });

  it('from the port of a transfer that has long been silent is a machine that was reset: the old transfer ends, a new one begins', async () => {
    const { rig, client } = await started();
    client.say(rrq('/f'));
    await rig.pass(20);
    client.say({ kind: 'ack', block: 1 }, client.transfer);
    await rig.pass(2_000);
    client.answers.length = 0;
    client.say(rrq('/f'));
    await rig.pass(20);
    expect(rig.phases).toEqual(['opened /f 0', 'aborted /f 512', 'opened /f 0']);
    expect(client.kinds).toBe('1');
    expect(rig.server.transfers).toBe(1);
  });

  it('for another file from the same port replaces the transfer before it', async () => {
    const { rig, client } = await started();
    rig.rendered('/g', pattern(10));
    client.say(rrq('/f'));
    await rig.pass(20);
    client.say(rrq('/g'));
    await rig.pass(20);
    expect(rig.phases).toEqual(['opened /f 0', 'aborted /f 0', 'opened /g 0']);
  });
});

describe('a running TFTP transfer', () => {
  it('answers a stranger with ERROR 5 and goes on (RFC 1350 4)', async () => {
    const { rig, client } = await started();
    const stranger = await ScriptedClient.on(rig, 2_002);
    client.say(rrq('/f'));
    await rig.pass(11);
    stranger.say({ kind: 'ack', block: 1 }, client.transfer);
    await rig.pass(11);
    expect(stranger.kinds).toBe('ERROR 5');
    client.say({ kind: 'ack', block: 1 }, client.transfer);
    await rig.pass(11);
    expect(client.kinds).toBe('1 2');
  });

  it("does not answer a stranger's ERROR", async () => {
    const { rig, client } = await started();
    const stranger = await ScriptedClient.on(rig, 2_002);
    client.say(rrq('/f'));
    await rig.pass(11);
    stranger.say({ kind: 'error', code: 0, message: 'x' }, client.transfer);
    await rig.pass(11);
    expect(stranger.kinds).toBe('');
    expect(rig.server.transfers).toBe(1);
  });

  it('of an EDK2 client that only wanted the size ends by its ERROR 8, and the second request is served', async () => {
    const { rig, client } = await started();
    client.say(rrq('/f', 'octet', { tsize: '0', blksize: '1468' }));
    await rig.pass(11);
    client.say({ kind: 'error', code: 8, message: 'User aborted the transfer' }, client.transfer);
    await rig.pass(11);
    expect(rig.server.transfers).toBe(0);
    client.say(rrq('/f', 'octet', { blksize: '1468' }));
    await rig.pass(11);
    expect(client.kinds).toBe('oack oack');
    expect(rig.phases).toEqual(['opened /f 0', 'aborted /f 0', 'opened /f 0']);
  });

  it('survives malformed packets', async () => {
    const { rig, client } = await started();
    client.say(rrq('/f'));
    await rig.pass(11);
    client.say(Uint8Array.of(0, 4, 1), client.transfer);
    client.say(Uint8Array.of(), client.transfer);
    client.say({ kind: 'ack', block: 1 }, client.transfer);
    await rig.pass(11);
    expect(client.kinds).toBe('1 2');
  });

  it('is told when the server shuts down, and nothing is left', async () => {
    const { rig, client } = await started();
    client.say(rrq('/f'));
    await rig.pass(11);
    await rig.server.close();
    await rig.pass(11);
    expect(client.answers.at(-1)?.packet).toEqual({ kind: 'error', code: 0, message: 'the server is shutting down' });
    expect(rig.phases).toEqual(['opened /f 0', 'aborted /f 0']);
    expect(rig.server.transfers).toBe(0);
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

describe('the limits of the TFTP server', () => {
  it('drops a request beyond the transfers of all clients; the client asks again and is served when there is room', async () => {
    const { rig } = await started({ settings: { maxTransfers: 3 } });
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
    const clients = await Promise.all(addresses.map((from) => rig.get({ path: '/f' }, from)));
    // All three have acknowledged their first block.
    await rig.run(() => clients.every(({ bytes }) => bytes.length > 512));
    clients.push(await rig.get({ path: '/f' }, '10.0.0.4'));
    await rig.run(() => clients.every(({ done }) => done));
    expect(clients.map(({ bytes }) => bytes.length)).toEqual([2_000, 2_000, 2_000, 2_000]);
    expect(rig.seen.filter(({ kind }) => kind === 'ignored')).toMatchObject([{ reason: '3 transfers run' }]);
  });

  it('serves a client although requests of others, who never say more, have taken every place', async () => {
    const { rig } = await started({ settings: { maxTransfers: 20 } });
    for (let port = 3_000; port < 3_030; port++) (await ScriptedClient.on(rig, port)).say(rrq('/f'));
    await rig.pass(20);
    expect(rig.server.transfers).toBe(20);
    const client = await rig.get({ path: '/f' }, '10.0.0.4');
    await rig.run(() => client.done);
    expect(client.bytes).toHaveLength(2_000);
    expect(rig.seen.filter(({ kind }) => kind === 'ignored')).toEqual([]);
  });

  it('drops a request beyond the transfers of one client', async () => {
    const { rig } = await started({ settings: { maxTransfersPerClient: 2 } });
    const clients = [await ScriptedClient.on(rig, 3_001), await ScriptedClient.on(rig, 3_002), await ScriptedClient.on(rig, 3_003)];
    for (const client of clients) client.say(rrq('/f'));
    await rig.pass(20);
    expect(clients.map(({ kinds }) => kinds)).toEqual(['1', '1', '']);
    for (const client of clients.slice(0, 2)) client.say({ kind: 'error', code: 0, message: 'enough' }, client.transfer);
    await rig.pass(20);
    for (const client of clients) client.say(rrq('/f'));
    await rig.pass(20);
    expect(clients.map(({ kinds }) => kinds)).toEqual(['1 1', '1 1', '']);
  });

  it('reads one file for many clients with one descriptor', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'virtdom-tftp-'));
    cleanups.push(() => rm(directory, { recursive: true }));
    const bytes = pattern(1_500_001);
    await writeFile(join(directory, 'kernel'), bytes);
    const { rig } = await started();
    rig.files.set('/kernel', { kind: 'static', file: join(directory, 'kernel'), size: bytes.length, modifiedMs: 0, etag: '"1"' });
    const addresses = Array.from({ length: 8 }, (_, index) => `10.0.1.${index + 1}`);
    const options = { blksize: '1428', windowsize: '16' };
    const clients = await Promise.all(addresses.map((from) => rig.get({ path: '/kernel', options }, from)));
    await rig.run(() => clients.every(({ done }) => done));
    for (const client of clients) expect(client.bytes.equals(bytes)).toBe(true);
    await rig.server.close();
  });
});

describe('the addresses of the TFTP server', () => {
  it('are asked one by one: each answer leaves from the address that was asked', async () => {
    const { rig, client } = await started({ addresses: ['10.0.0.5', '10.0.0.6'] });
    client.say(rrq('/f'), { address: '10.0.0.6', port: 69 });
    await rig.pass(20);
    expect(rig.asked[0]?.serverAddress).toBe('10.0.0.6');
    expect(client.transfer.address).toBe('10.0.0.6');
  });

  it('may come and go while it runs', async () => {
    const { rig, client } = await started({ addresses: ['10.0.0.5', '10.0.0.6'] });
    client.say(rrq('/f'), { address: '10.0.0.6', port: 69 });
    await rig.pass(20);
    await rig.server.setAddresses(['10.0.0.5', '10.0.0.7']);
    await rig.pass(20);
    expect(client.kinds).toBe('1 ERROR 0');
    client.say(rrq('/f'), { address: '10.0.0.7', port: 69 });
    await rig.pass(20);
    expect(client.transfer.address).toBe('10.0.0.7');
    await rig.server.close();
    await rig.pass(20);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('that are taken fail the start, and none stays bound', async () => {
    const rig = new TftpRig({ addresses: ['10.0.0.5', '10.0.0.6'] });
    const other = await rig.lan.host('10.0.0.6').bindAddress('10.0.0.6', 69);
    await expect(rig.server.start()).rejects.toThrow('EADDRINUSE');
    await other.close();
    const { rig: second } = await started({ addresses: ['10.0.0.5'] });
    await second.server.close();
    await expect(rig.lan.host('10.0.0.5').bindAddress('10.0.0.5', 69)).resolves.toBeDefined();
  });
});

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});
