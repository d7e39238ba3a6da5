import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { MqttBus } from '../../src/bus/mqtt-bus.ts';
import type { MqttBusOptions } from '../../src/bus/mqtt-bus.ts';
import { parseMqttUrl } from '../../src/bus/mqtt-socket.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { BrokerUnderTest, bytes, untilConnected } from './embedded-broker-under-test.ts';
import { packet, publishPacket } from './raw-client.ts';

/** A listener that speaks as it is told, and no more. */
class ScriptedBroker implements AsyncDisposable {
  readonly sockets: Socket[] = [];
  readonly heard: string[] = [];
  readonly #buses: MqttBus[] = [];
  readonly #server = createServer((socket) => {
    this.sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.heard.push(chunk.toString('hex'));
      for (const answer of this.answers(chunk)) socket.write(answer);
    });
  });
  answers: (chunk: Buffer) => readonly Buffer[] = (chunk) => (chunk[0] === 0x10 ? [Buffer.from([0x20, 2, 0, 0])] : []);

  async bus(options: Partial<MqttBusOptions> = {}): Promise<MqttBus> {
    if (!this.#server.listening)
      await new Promise<void>((resolve) => {
        this.#server.listen(0, '127.0.0.1', resolve);
      });
    const { port } = this.#server.address() as AddressInfo;
    const bus = new MqttBus({
      url: `mqtt://127.0.0.1:${port}`,
      clientId: 'test',
      clock: systemClock,
      log: silentLog,
      reconnect: { firstMs: 20, mostMs: 50, goodMs: 60_000 },
      ...options,
    });
    this.#buses.push(bus);
    return bus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.#buses.map((bus) => bus.close()));
    this.#server.close();
  }
}

/** The first reason for being disconnected that says this. */
function untilReason(bus: MqttBus, part: string): Promise<string> {
  return new Promise((resolve) => {
    bus.onState((state) => {
      if (state.kind === 'disconnected' && state.reason.includes(part)) resolve(state.reason);
    });
  });
}

describe('a bus over MQTT', () => {
  it('acknowledges a message when its listener has handled it, and not before', async () => {
    await using broker = new ScriptedBroker();
    const bus = await broker.bus();
    const gate = Promise.withResolvers<undefined>();
    await bus.subscribe('in', () => gate.promise);
    await vi.waitUntil(() => broker.heard.length >= 2);
    broker.sockets[0]?.write(publishPacket('in', 'x', 1));
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    expect(broker.heard.some((each) => each.includes('40020007'))).toBe(false);
    gate.resolve(undefined);
    await vi.waitUntil(() => broker.heard.some((each) => each.includes('40020007')));
    expect(broker.sockets).toHaveLength(1);
  });

  it('ends its connection when its listener is far behind, and comes back when half is handled', async () => {
    await using under = await BrokerUnderTest.start();
    const bus = under.agent('post01/17', { incoming: { messages: 10, bytes: 1e6 } });
    const handled: string[] = [];
    const gate = Promise.withResolvers<undefined>();
    await bus.subscribe('group/+/in', async ({ payload }) => {
      await gate.promise;
      handled.push(new TextDecoder().decode(payload));
    });
    await untilConnected(bus);
    const reason = untilReason(bus, 'slow');
    const manager = under.broker.connectLocal('manager');
    for (let at = 0; at < 30; at++) await manager.publish('group/all/in', bytes(String(at)));
    expect(await reason).toMatch(/^1\d messages of \d+ bytes wait for slow listeners, the last of group\/all\/in$/);
    gate.resolve(undefined);
    await untilConnected(bus);
    expect(handled.slice(0, 11)).toEqual(Array.from({ length: 11 }, (_, at) => String(at)));
  });

  it('ends its connection at a packet that is longer than messages may be', async () => {
    await using broker = new ScriptedBroker();
    const bus = await broker.bus();
    await untilConnected(bus);
    const reason = untilReason(bus, 'a packet of');
    broker.sockets[0]?.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
    expect(await reason).toBe('a packet of 268435460 bytes came; at most 528384 are taken');
  });

  it('gives up a broker that does not answer its pings, and tries again', async () => {
    await using broker = new ScriptedBroker();
    const bus = await broker.bus({ keepaliveSeconds: 1 });
    await untilConnected(bus);
    expect(await untilReason(bus, 'did not answer')).toBe('the broker did not answer for 1 s');
    await untilConnected(bus);
    expect(broker.sockets.length).toBeGreaterThan(1);
  });

  it.each([
    [1, 'the broker does not speak MQTT 3.1.1'],
    [2, 'the broker refuses this client id'],
    [3, 'the broker says that it is not available'],
    [4, 'the broker does not accept this user name and password'],
    [5, 'the broker says that this client may not connect'],
  ])('says in words why it was refused with code %d (MQTT 3.1.1, 3.2.2.3)', async (code, reason) => {
    await using broker = new ScriptedBroker();
    broker.answers = () => [Buffer.from([0x20, 2, 0, code])];
    const bus = await broker.bus();
    expect(await untilReason(bus, 'broker')).toBe(reason);
  });

  it('outlives a broker that speaks nonsense', async () => {
    await using broker = new ScriptedBroker();
    broker.answers = () => [packet(0xf7, Buffer.from('nonsense'))];
    const bus = await broker.bus();
    await vi.waitUntil(() => broker.sockets.length > 2, { timeout: 5000 });
    expect(bus.state.kind).toBe('disconnected');
  });

  it('publishes what waits when it is closed, for a second, and fails the rest', async () => {
    await using broker = new ScriptedBroker();
    const bus = await broker.bus();
    await untilConnected(bus);
    const unanswered = bus.publish('out', bytes('x'));
    const outcome = unanswered.catch(String);
    const fromMs = performance.now();
    await bus.close();
    expect(await outcome).toBe('BusError: the bus was closed before the broker took this message');
    expect(performance.now() - fromMs).toBeLessThan(2500);
    await vi.waitUntil(() => broker.heard.some((each) => each.endsWith('e000')));
    expect(bus.state).toEqual({ kind: 'disconnected', reason: 'closed' });
  });

  it.each([
    ['http://bus', 'the bus is mqtt://HOST:PORT or mqtts://HOST:PORT'],
    ['mqtt://user:secret@bus', 'the user name and the password of the bus do not stand in its URL'],
    ['bus:1883', 'the bus is mqtt://HOST:PORT'],
    ['nothing', 'Invalid URL'],
  ])('does not take %s for the address of a bus', (url, problem) => {
    expect(() => parseMqttUrl(url)).toThrow(problem);
  });

  it('knows the ports, and addresses of version 6', () => {
    expect([parseMqttUrl('mqtt://bus'), parseMqttUrl('mqtts://[fd00::1]')]).toEqual([
      { host: 'bus', port: 1883, tls: false },
      { host: 'fd00::1', port: 8883, tls: true },
    ]);
  });
});
