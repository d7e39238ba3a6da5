import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { credential } from '../../src/bus/credential.ts';
import { BrokerUnderTest, bytes, hear, untilConnected, untilState } from './embedded-broker-under-test.ts';
import { RawClient, connectPacket, packet, publishPacket, subscribePacket, text } from './raw-client.ts';
import type { ConnectFields } from './raw-client.ts';

const user = 'post01/17';
const accepted = '20020000';
const waiting = { timeout: 10_000, interval: 5 };

function rawClient(under: BrokerUnderTest, identity = user): Promise<RawClient> {
  return RawClient.connect(under.broker.port, identity, credential(under.key, identity));
}

function fieldsOf(under: BrokerUnderTest, fields: Partial<ConnectFields> = {}): ConnectFields {
  return { clientId: user, username: user, password: credential(under.key, user), ...fields };
}

async function rawAgent(under: BrokerUnderTest, fields: Partial<ConnectFields> = {}): Promise<RawClient> {
  const client = await rawClient(under);
  client.send(connectPacket(fieldsOf(under, fields)));
  await vi.waitUntil(() => client.heard.length >= 4, waiting);
  return client;
}

function untilClosed(client: RawClient): Promise<boolean> {
  return vi.waitUntil(() => client.closed, waiting);
}

/** Somebody honest can still connect, speak and be heard. */
async function serves(under: BrokerUnderTest): Promise<boolean> {
  const heard = await hear(under.broker.connectLocal('witness'), 'agent/witness/out');
  const agent = under.agent('witness/1');
  await untilConnected(agent);
  await agent.publish('agent/witness/out', bytes('well'));
  await vi.waitUntil(() => heard.length > 0, waiting);
  await agent.close();
  return heard.includes('agent/witness/out well');
}

function reasons(under: BrokerUnderTest): readonly unknown[] {
  return under.log.lines.map(({ fields }) => fields['why'] ?? fields['reason']);
}

describe('the embedded broker, among strangers', () => {
  it('closes a connection that speaks no TLS', async () => {
    await using under = await BrokerUnderTest.start();
    const client = new RawClient(connect(under.broker.port, '127.0.0.1'));
    client.send(connectPacket(fieldsOf(under)));
    await untilClosed(client);
    expect(client.heard.toString('latin1')).not.toContain(accepted);
    expect(await serves(under)).toBe(true);
  });

  it('closes a connection that has not shown in time who it is, whether it says nothing or a part of something', async () => {
    await using under = await BrokerUnderTest.start({ authenticateSeconds: 0.3 });
    const silent = new RawClient(connect(under.broker.port, '127.0.0.1'));
    const withoutConnect = await rawClient(under);
    const withHalf = await rawClient(under);
    withHalf.send(connectPacket(fieldsOf(under)).subarray(0, 20));
    await Promise.all([silent, withoutConnect, withHalf].map((each) => untilClosed(each)));
    expect(reasons(under).filter((each) => each === 'it did not show in time who it is')).toHaveLength(3);
  });

  it('takes so many connections of one address, and lets others in all the same', async () => {
    await using under = await BrokerUnderTest.start({ connectionsOfAddress: 20, connections: 100 });
    const sockets: Socket[] = [];
    for (let at = 0; at < 1000; at++) {
      const socket = connect({ port: under.broker.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      socket.on('error', () => undefined);
      sockets.push(socket);
    }
    await vi.waitUntil(() => sockets.filter((each) => !each.destroyed).length <= 20, waiting);
    expect(await serves(under)).toBe(true);
    for (const socket of sockets) socket.destroy();
  });

  it('closes the oldest of those that have not shown who they are, when there are too many', async () => {
    await using under = await BrokerUnderTest.start({ strangers: 5, connectionsOfAddress: 100 });
    const clients = Array.from({ length: 8 }, () => new RawClient(connect(under.broker.port, '127.0.0.1')));
    await vi.waitUntil(() => clients.filter(({ closed }) => closed).length === 3, waiting);
    expect(await serves(under)).toBe(true);
    for (const { socket } of clients) socket.destroy();
  });
});

describe('the embedded broker, among clients with a key', () => {
  it.each([
    ['bytes that are no MQTT', Buffer.from('GET / HTTP/1.1\r\nHost: bus\r\n\r\n'), 'its first packet was no CONNECT'],
    ['a packet of 200 MB', Buffer.from([0x10, 0xff, 0xff, 0xff, 0x5f]), 'a packet of 201326596 bytes came; at most 528384 are taken'],
    ['a length of five bytes', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x7f]), 'what came is no MQTT: a length of more than 4 bytes'],
    ['a CONNECT of 20 KB', packet(0x10, Buffer.alloc(20_000)), 'its CONNECT has 20004 bytes'],
    ['a PUBLISH before its CONNECT', publishPacket('agent/post01/out', 'x'), 'its first packet was no CONNECT'],
  ])('ends a connection that begins with %s', async (_, sent, reason) => {
    await using under = await BrokerUnderTest.start();
    const client = await rawClient(under);
    client.send(sent);
    await untilClosed(client);
    expect(reasons(under)).toContain(reason);
    expect(await serves(under)).toBe(true);
  });

  it.each([
    ['a wrong password', { password: 'wrong' }, '20020004'],
    ['the name of another user', { username: 'post02/17' }, '20020004'],
    ['the client id of another user', { clientId: 'post02/17' }, '20020005'],
    ['no client id', { clientId: '' }, '20020005'],
    ['no keepalive', { keepalive: 0 }, '20020006'],
    ['a will for another machine', { will: { topic: 'agent/post02/presence', payload: 'lost' } }, '20020005'],
    ['a will for all', { will: { topic: 'agent/+/presence', payload: 'lost' } }, '20020005'],
    ['a will of QoS 2', { will: { topic: 'agent/post01/presence', payload: 'lost', qos: 2 } }, '20020005'],
  ] satisfies [string, Partial<ConnectFields>, string][])('refuses a CONNECT with %s (MQTT 3.1.1, 3.2.2.3)', async (_, fields, answer) => {
    await using under = await BrokerUnderTest.start();
    const heard = await hear(under.broker.connectLocal('manager'), '#');
    const client = await rawAgent(under, fields);
    await untilClosed(client);
    expect(client.heard.toString('hex')).toBe(answer);
    expect(heard).toEqual([]);
    expect(under.broker.usernames).toEqual([]);
  });

  it('keeps no session, whoever asks for one', async () => {
    await using under = await BrokerUnderTest.start();
    const first = await rawAgent(under, { clean: false });
    first.send(subscribePacket('agent/post01/in'));
    await vi.waitUntil(() => first.heard.length > 4, waiting);
    first.socket.destroy();
    await vi.waitUntil(() => under.broker.usernames.length === 0, waiting);
    await under.broker.connectLocal('manager').publish('agent/post01/in', bytes('missed'));
    const second = await rawAgent(under, { clean: false });
    expect(second.heard.toString('hex')).toBe(accepted);
  });

  it.each([
    ['another machine', publishPacket('agent/post02/out', 'x')],
    ['its own inbox', publishPacket('agent/post01/in', 'x', 1)],
    ['a group', publishPacket('group/all/in', 'x')],
    ['a manager', publishPacket('manager/m/presence', 'x', 1, true)],
    ['a level below its own', publishPacket('agent/post01/out/more', 'x')],
    ['a topic with a wildcard', publishPacket('agent/post01/+', 'x')],
    ['the topics of the broker', publishPacket('$SYS/broker/heartbeat', 'x')],
    ['a topic of 200 levels', publishPacket('a/'.repeat(200), 'x')],
    ['no topic', publishPacket('', 'x')],
    ['itself, with QoS 2', publishPacket('agent/post01/out', 'x', 2)],
    ['itself, with QoS 3', publishPacket('agent/post01/out', 'x', 3)],
  ])('ends the connection of who publishes to %s', async (_, sent) => {
    await using under = await BrokerUnderTest.start();
    const heard = await hear(under.broker.connectLocal('manager'), '#');
    const client = await rawAgent(under);
    client.send(sent);
    await untilClosed(client);
    expect(heard).toEqual([]);
    expect(await serves(under)).toBe(true);
  });

  it.each([
    '#',
    '$SYS/#',
    '+/+/+',
    'agent/+/in',
    'agent/post02/in',
    'agent/post01/+',
    'agent/post01/#',
    'agent/post01/in/#',
    'agent/post01/out',
    'group/#',
    'group/+/+',
    'manager/#',
    '$share/some/agent/post01/in',
  ])('refuses the subscription to %s, and delivers nothing of it (MQTT 3.1.1, 3.9.3)', async (filter) => {
    await using under = await BrokerUnderTest.start();
    const client = await rawAgent(under);
    client.send(subscribePacket(filter));
    await vi.waitUntil(() => client.heard.length >= 9, waiting);
    const manager = under.broker.connectLocal('manager');
    for (const topic of ['agent/post02/in', 'agent/post01/out', 'group/all/in/more', 'manager/m/other', 'x/y/z'])
      await manager.publish(topic, bytes('x'));
    client.send(Buffer.from([0xc0, 0]));
    await vi.waitUntil(() => client.heard.toString('hex').endsWith('d000'), waiting);
    expect(client.heard.toString('hex')).toBe(`${accepted}9003000980d000`);
    expect(under.refusals).toEqual([`${user}: it may not subscribe to "${filter}"`]);
  });

  it('grants so many subscriptions and no more', async () => {
    await using under = await BrokerUnderTest.start({ subscriptionsOfClient: 3 });
    const client = await rawAgent(under);
    client.send(subscribePacket('group/a/in', 'group/b/in', 'group/c/in', 'group/d/in'));
    await vi.waitUntil(() => client.heard.length >= 12, waiting);
    expect(client.heard.toString('hex')).toBe(`${accepted}9006000901010180`);
  });

  it('ends a connection that sends a second CONNECT (MQTT 3.1.1, 3.1)', async () => {
    await using under = await BrokerUnderTest.start();
    const client = await rawAgent(under);
    client.send(connectPacket(fieldsOf(under)));
    await untilClosed(client);
    expect(await serves(under)).toBe(true);
  });

  it('outlives whatever comes after a CONNECT', async () => {
    await using under = await BrokerUnderTest.start({ packetsPerSecond: 1e6, packetBurst: 1e6 });
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 40 })).map(([first, body]) => packet(first, body)),
      fc.constantFrom(
        publishPacket('agent/post01/out', 'x', 1),
        subscribePacket('agent/post01/in'),
        packet(0xa2, Buffer.from([0, 1]), text('#')),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
        const client = await rawAgent(under);
        client.send(...pieces);
        client.socket.end();
        if (!client.closed) await once(client.socket, 'close');
      }),
      { numRuns: 60 },
    );
    expect(await serves(under)).toBe(true);
  });

  it('reads packets right that come in pieces and are held back, while others of QoS 0 are delivered', async () => {
    await using under = await BrokerUnderTest.start({ packetsPerSecond: 400, packetBurst: 20, floodSeconds: 60 });
    const heard = await hear(under.broker.connectLocal('manager'), 'agent/post01/out');
    const client = await rawAgent(under);
    const numbers = Array.from({ length: 500 }, (_, at) => String(at).padStart(100, ' '));
    for (const each of numbers) {
      client.send(publishPacket('agent/post01/out', each));
      await sleep(1);
    }
    await vi.waitUntil(() => heard.length === 500 || client.closed, waiting);
    expect(heard).toEqual(numbers.map((each) => `agent/post01/out ${each}`));
  });

  it('slows down who sends too much, then ends it and says who it was, and serves the others meanwhile', async () => {
    await using under = await BrokerUnderTest.start({ packetsPerSecond: 100, packetBurst: 50, floodSeconds: 1 });
    let taken = 0;
    await under.broker.connectLocal('manager').subscribe('agent/post01/out', () => {
      taken++;
    });
    const client = await rawAgent(under);
    const flood = setInterval(() => client.send(publishPacket('agent/post01/out', 'x'.repeat(100))), 2);
    expect(await serves(under)).toBe(true);
    await untilClosed(client);
    clearInterval(flood);
    expect(under.floods).toEqual([`${user}: it sent more than 100 packets a second for 1 s, though it was slowed down`]);
    expect(taken).toBeLessThan(500);
  });

  it('ends who sends far too much at once', async () => {
    await using under = await BrokerUnderTest.start({ packetBurst: 50, floodSeconds: 1 });
    const client = await rawAgent(under);
    client.send(Buffer.concat(Array.from({ length: 5000 }, () => Buffer.from([0xc0, 0]))));
    await untilClosed(client);
    expect(under.floods).toHaveLength(1);
  });

  it('gives up a subscriber that does not read, and nobody else waits for it', async () => {
    await using under = await BrokerUnderTest.start({ queuedBytesOfClient: 1024 * 1024 });
    const client = await rawAgent(under);
    client.send(subscribePacket('group/+/in'));
    await vi.waitUntil(() => client.heard.length > 4, waiting);
    client.socket.pause();
    const other = under.agent('post02/18');
    const heard: number[] = [];
    await other.subscribe('group/+/in', ({ payload }) => {
      heard.push(payload.byteLength);
    });
    await untilConnected(other);
    const manager = under.broker.connectLocal('manager');
    for (let at = 0; at < 100; at++) await manager.publish('group/all/in', Buffer.alloc(100_000));
    await vi.waitUntil(() => heard.length === 100, waiting);
    await vi.waitUntil(() => !under.broker.usernames.includes(user), waiting);
    expect(
      reasons(under)
        .map(String)
        .filter((each) => each.startsWith('it reads too slowly')),
    ).toHaveLength(1);
    client.socket.destroy();
  });

  it('gives up the slowest where all queues together are too long', async () => {
    await using under = await BrokerUnderTest.start({ queuedBytesOfClient: 1e9, queuedBytes: 3e6 });
    const client = await rawAgent(under);
    client.send(subscribePacket('agent/post01/in'));
    await vi.waitUntil(() => client.heard.length > 4, waiting);
    client.socket.pause();
    const manager = under.broker.connectLocal('manager');
    for (let at = 0; at < 200; at++) await manager.publish('agent/post01/in', Buffer.alloc(100_000));
    await vi.waitUntil(() => under.broker.usernames.length === 0, waiting);
    expect(
      reasons(under)
        .map(String)
        .some((each) => /^it reads too slowly: \d+ of \d+ bytes in all wait for it$/.test(each)),
    ).toBe(true);
    client.socket.destroy();
  });

  it('keeps so many retained messages, and passes on the others all the same', async () => {
    await using under = await BrokerUnderTest.start({ retainedMessages: 2 });
    const manager = under.broker.connectLocal('manager');
    const live = await hear(manager, 'kept/+');
    for (const topic of ['kept/a', 'kept/b', 'kept/c', 'kept/a']) await manager.publish(topic, bytes('x'), { retain: true });
    expect(live).toHaveLength(4);
    const later = await hear(manager, 'kept/+');
    await vi.waitUntil(() => later.length >= 2, waiting);
    expect(later).toEqual(['retained kept/b x', 'retained kept/a x']);
  });

  it('publishes the will of who it ended for what it did', async () => {
    await using under = await BrokerUnderTest.start();
    const heard = await hear(under.broker.connectLocal('manager'), 'agent/+/presence');
    const client = await rawAgent(under, { will: { topic: 'agent/post01/presence', payload: 'lost' } });
    client.send(publishPacket('group/all/in', 'x'));
    await vi.waitUntil(() => heard.length > 0, waiting);
    expect(heard).toEqual(['agent/post01/presence lost']);
  });

  it('tells a client whose message is longer than the limit, before anything is sent', async () => {
    await using under = await BrokerUnderTest.start();
    const agent = under.agent(user);
    await untilConnected(agent);
    await expect(agent.publish('agent/post01/out', Buffer.alloc(512 * 1024 + 1))).rejects.toThrow('at most 524288 are sent');
    await agent.publish('agent/post01/out', Buffer.alloc(512 * 1024));
    expect(agent.state.kind).toBe('connected');
    const client = await rawClient(under);
    client.send(connectPacket(fieldsOf(under)));
    await untilState(agent, 'disconnected');
    client.send(publishPacket('agent/post01/out', Buffer.alloc(600_000)));
    await untilClosed(client);
    expect(reasons(under)).toContain('a packet of 600022 bytes came; at most 528384 are taken');
  });
});
