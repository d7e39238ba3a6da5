import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MqttBus } from '../../src/bus/mqtt-bus.ts';
import type { MqttBusOptions } from '../../src/bus/mqtt-bus.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { MosquittoServer } from './mosquitto-server.ts';
import { NatsServer } from './nats-server.ts';

const buses: MqttBus[] = [];

function connect(options: Pick<MqttBusOptions, 'url' | 'clientId'> & Partial<MqttBusOptions>): MqttBus {
  const bus = new MqttBus({ clock: systemClock, log: silentLog, reconnect: { firstMs: 20, mostMs: 50, goodMs: 60_000 }, ...options });
  buses.push(bus);
  return bus;
}

async function heardOf(bus: MqttBus, filter: string): Promise<string[]> {
  const heard: string[] = [];
  await bus.subscribe(filter, ({ topic, payload }) => {
    heard.push(`${topic} ${new TextDecoder().decode(payload)}`);
  });
  return heard;
}

function untilConnected(bus: MqttBus): Promise<boolean> {
  return vi.waitUntil(() => bus.state.kind === 'connected', { timeout: 5000 });
}

const hello = new TextEncoder().encode('hello');

afterAll(() => Promise.all(buses.map((bus) => bus.close())));

describe('Mosquitto with the access rules of docs/bus.md', () => {
  let server: MosquittoServer;

  beforeAll(async () => {
    const keys = { post01: Buffer.from('key of post01').toString('hex'), manager: Buffer.from('key of the manager').toString('hex') };
    const access = [
      'pattern write virtdom/1/agent/%u/out',
      'pattern write virtdom/1/agent/%u/presence',
      'pattern read virtdom/1/agent/%u/in',
      'pattern read virtdom/1/group/+/in',
      'pattern read virtdom/1/manager/+/presence',
      'user manager',
      'topic readwrite virtdom/1/#',
    ];
    server = await MosquittoServer.start(keys, access);
  }, 30_000);

  afterAll(() => server.close());

  it('takes our TLS with pre-shared keys, and holds an agent to its own topics', async () => {
    const url = `mqtts://127.0.0.1:${server.pskPort}`;
    const manager = connect({ url, clientId: 'manager', username: 'manager', password: 'key of the manager', psk: true });
    const agent = connect({ url, clientId: 'post01', username: 'post01', password: 'key of post01', psk: true });
    await Promise.all([untilConnected(manager), untilConnected(agent)]);
    const atManager = await heardOf(manager, 'virtdom/1/agent/+/out');
    const foreign = await heardOf(agent, 'virtdom/1/agent/post02/in');
    const own = await heardOf(agent, 'virtdom/1/agent/post01/in');
    await agent.publish('virtdom/1/agent/post02/out', hello);
    await agent.publish('virtdom/1/agent/post01/out', hello);
    await manager.publish('virtdom/1/agent/post02/in', hello);
    await manager.publish('virtdom/1/agent/post01/in', hello);
    await vi.waitUntil(() => atManager.length > 0 && own.length > 0, { timeout: 5000 });
    expect([atManager, own, foreign]).toEqual([['virtdom/1/agent/post01/out hello'], ['virtdom/1/agent/post01/in hello'], []]);
  });

  it('says that there is no key in common where the key is another one', async () => {
    const bus = connect({
      url: `mqtts://127.0.0.1:${server.pskPort}`,
      clientId: 'post01',
      username: 'post01',
      password: 'wrong',
      psk: true,
    });
    await vi.waitUntil(() => bus.state.kind === 'disconnected' && bus.state.reason.includes('no key in common'), { timeout: 5000 });
    expect(bus.state.kind).toBe('disconnected');
  });

  it('is believed by its certificate where that is the one that was handed in, and not otherwise', async () => {
    const url = `mqtts://127.0.0.1:${server.tlsPort}`;
    await untilConnected(connect({ url, clientId: 'with-ca', ca: server.ca }));
    const bus = connect({ url, clientId: 'without-ca' });
    await vi.waitUntil(() => bus.state.kind === 'disconnected' && bus.state.reason !== 'not connected yet', { timeout: 5000 });
    expect(bus.state).toEqual({
      kind: 'disconnected',
      reason: 'self-signed certificate; if the root CA is installed locally, try running Node.js with --use-system-ca',
    });
  });

  it('tells a bus in words that nobody listens', async () => {
    const bus = connect({ url: 'mqtt://127.0.0.1:1', clientId: 'nobody' });
    await vi.waitUntil(() => bus.state.kind === 'disconnected' && bus.state.reason !== 'not connected yet', { timeout: 5000 });
    expect(bus.state).toEqual({ kind: 'disconnected', reason: 'nothing listens at 127.0.0.1:1' });
  });
});

describe('nats-server with the access rules of docs/bus.md', () => {
  let server: NatsServer;

  beforeAll(async () => {
    server = await NatsServer.start(`authorization {
      users = [
        { user: manager, password: "of the manager", permissions: {
          publish: ["virtdom.1.>", "$MQTT.>"], subscribe: ["virtdom.1.>", "$MQTT.>"] } }
        { user: post01, password: "of post01", permissions: {
          publish: ["virtdom.1.agent.post01.out", "virtdom.1.agent.post01.presence", "$MQTT.>"],
          subscribe: ["virtdom.1.agent.post01.in", "virtdom.1.group.*.in", "virtdom.1.manager.*.presence", "$MQTT.>"] } }
      ]
    }`);
  }, 30_000);

  afterAll(() => server.close());

  it('holds an agent to its own topics', async () => {
    const url = `mqtt://127.0.0.1:${server.port}`;
    const manager = connect({ url, clientId: 'manager', username: 'manager', password: 'of the manager' });
    const agent = connect({ url, clientId: 'post01', username: 'post01', password: 'of post01' });
    await Promise.all([untilConnected(manager), untilConnected(agent)]);
    const atManager = await heardOf(manager, 'virtdom/1/agent/+/out');
    const own = await heardOf(agent, 'virtdom/1/agent/post01/in');
    await expect(agent.subscribe('virtdom/1/agent/post02/in', () => undefined)).rejects.toThrow(
      'the broker does not let post01 hear virtdom/1/agent/post02/in',
    );
    await agent.publish('virtdom/1/agent/post02/out', hello);
    await agent.publish('virtdom/1/agent/post01/out', hello);
    await manager.publish('virtdom/1/agent/post01/in', hello);
    await vi.waitUntil(() => atManager.length > 0 && own.length > 0, { timeout: 5000 });
    expect([atManager, own]).toEqual([['virtdom/1/agent/post01/out hello'], ['virtdom/1/agent/post01/in hello']]);
  });

  it('says no to a wrong password in words', async () => {
    const bus = connect({ url: `mqtt://127.0.0.1:${server.port}`, clientId: 'post01', username: 'post01', password: 'wrong' });
    await vi.waitUntil(() => bus.state.kind === 'disconnected' && bus.state.reason !== 'not connected yet', { timeout: 5000 });
    expect(bus.state).toEqual({ kind: 'disconnected', reason: 'the broker says that this client may not connect' });
  });

  it('ends the connection on a topic that it does not take; what else waits gets through all the same', async () => {
    const bus = connect({ url: `mqtt://127.0.0.1:${server.port}`, clientId: 'dots', username: 'manager', password: 'of the manager' });
    await untilConnected(bus);
    const refused = bus.publish('virtdom/1/group/with.dot/in', hello);
    const taken = bus.publish('virtdom/1/group/all/in', hello);
    await expect(refused).rejects.toThrow('8 connections ended while a message to virtdom/1/group/with.dot/in was on its way');
    await expect(taken).resolves.toBeUndefined();
  });
});
