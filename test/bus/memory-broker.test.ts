import { describe, expect, it } from 'vitest';
import { BusError } from '../../src/bus/bus.ts';
import type { Bus, BusState } from '../../src/bus/bus.ts';
import { MemoryBroker } from '../../src/bus/memory-broker.ts';
import { HeldClock } from '../../src/clock.ts';

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function hear(bus: Bus, filter: string): Promise<string[]> {
  const heard: string[] = [];
  await bus.subscribe(filter, ({ topic, payload, retained }) => {
    heard.push(`${retained ? 'retained ' : ''}${topic} ${new TextDecoder().decode(payload)}`);
  });
  return heard;
}

function setUp(): { clock: HeldClock; broker: MemoryBroker } {
  const clock = new HeldClock();
  return { clock, broker: new MemoryBroker({ clock }) };
}

describe('the broker in memory', () => {
  it('passes messages of a topic on in order, without the clock', async () => {
    const { broker } = setUp();
    const heard = await hear(broker.connect('manager'), 'agent/+/out');
    const agent = broker.connect('agent');
    await Promise.all(['1', '2', '3'].map((each) => agent.publish('agent/a/out', bytes(each))));
    await broker.settled();
    expect(heard).toEqual(['agent/a/out 1', 'agent/a/out 2', 'agent/a/out 3']);
  });

  it('gives a late subscriber what is retained, and nothing once an empty one has removed it', async () => {
    const { broker } = setUp();
    const agent = broker.connect('agent');
    await agent.publish('a/presence', bytes('here'), { retain: true });
    await agent.publish('b/presence', bytes('here'), { retain: true });
    await agent.publish('b/presence', bytes(''), { retain: true });
    const heard = await hear(broker.connect('manager'), '+/presence');
    await broker.settled();
    expect(heard).toEqual(['retained a/presence here']);
  });

  it('publishes the will of a connection that is cut, when it is told to and not before', async () => {
    const { broker, clock } = setUp();
    const heard = await hear(broker.connect('manager'), '+/presence');
    broker.connect('a', { will: { topic: 'a/presence', payload: bytes('lost'), retain: true } });
    broker.connect('b', { will: { topic: 'b/presence', payload: bytes('lost'), retain: true } });
    broker.cut('a', { will: true });
    broker.cut('b', { will: { afterMs: 45_000 } });
    await broker.settled();
    expect(heard).toEqual(['a/presence lost']);
    clock.advance(45_000);
    await broker.settled();
    expect(heard).toEqual(['a/presence lost', 'b/presence lost']);
  });

  it('publishes no will of who is back in time, and none of who says goodbye', async () => {
    const { broker, clock } = setUp();
    const heard = await hear(broker.connect('manager'), '+/presence');
    broker.connect('a', { will: { topic: 'a/presence', payload: bytes('lost'), retain: true } });
    const other = broker.connect('b', { will: { topic: 'b/presence', payload: bytes('lost'), retain: true } });
    broker.cut('a', { will: { afterMs: 45_000 } });
    clock.advance(10_000);
    broker.restore('a');
    await other.close();
    clock.advance(60_000);
    await broker.settled();
    expect(heard).toEqual([]);
  });

  it('tells states with reasons, and sends after the return what was published meanwhile', async () => {
    const { broker } = setUp();
    const heard = await hear(broker.connect('manager'), 'out');
    const agent = broker.connect('agent');
    const states: BusState[] = [];
    agent.onState((state) => states.push(state));
    broker.cut('agent', { will: false, reason: 'cable pulled' });
    const taken = agent.publish('out', bytes('late'));
    await broker.settled();
    expect(heard).toEqual([]);
    broker.restore('agent');
    await taken;
    await broker.settled();
    expect(heard).toEqual(['out late']);
    expect(states).toEqual([{ kind: 'connected' }, { kind: 'disconnected', reason: 'cable pulled' }, { kind: 'connected' }]);
  });

  it('subscribes again after the broker was down, before the state says connected', async () => {
    const { broker } = setUp();
    const manager = broker.connect('manager');
    const heard = await hear(manager, 'in');
    const agent = broker.connect('agent');
    broker.stop();
    agent.onState((state) => {
      if (state.kind === 'connected') void agent.publish('in', bytes('hello'));
    });
    broker.start();
    await broker.settled();
    expect(heard).toEqual(['in hello']);
  });

  it('loses what is retained with the broker, unless told to keep it', async () => {
    const { broker } = setUp();
    await broker.connect('agent').publish('presence', bytes('here'), { retain: true });
    broker.stop({ forget: false });
    broker.start();
    expect(broker.retained('presence')).toEqual(bytes('here'));
    broker.stop();
    broker.start();
    expect(broker.retained('presence')).toBeUndefined();
  });

  it('sends twice what lost its acknowledgement (MQTT 3.1.1, 4.4)', async () => {
    const { broker } = setUp();
    const heard = await hear(broker.connect('manager'), 'out');
    const agent = broker.connect('agent');
    broker.loseAcks('agent');
    await agent.publish('out', bytes('1'));
    await agent.publish('out', bytes('2'));
    await broker.settled();
    expect(heard).toEqual(['out 1', 'out 1', 'out 2']);
  });

  it('doubles the messages that it is told to double', async () => {
    const { broker } = setUp();
    const heard = await hear(broker.connect('manager'), '#');
    broker.duplicate(({ direction, topic }) => direction === 'down' && topic === 'twice');
    const agent = broker.connect('agent');
    await agent.publish('once', bytes('1'));
    await agent.publish('twice', bytes('2'));
    await broker.settled();
    expect(heard).toEqual(['once 1', 'twice 2', 'twice 2']);
  });

  it('delays what it is told to delay, and lets nothing overtake it on its connection', async () => {
    const { broker, clock } = setUp();
    const heard = await hear(broker.connect('manager'), '#');
    const agent = broker.connect('agent');
    const delays = [5000, 0];
    broker.setDelay(({ direction, kind }) => (direction === 'up' && kind === 'publish' ? (delays.shift() ?? 0) : 0));
    void agent.publish('a', bytes('1'));
    void agent.publish('b', bytes('2'));
    await broker.settled();
    clock.advance(4999);
    await broker.settled();
    expect(heard).toEqual([]);
    clock.advance(1);
    await broker.settled();
    expect(heard).toEqual(['a 1', 'b 2']);
  });

  it('holds a direction back without anybody noticing, and lets it all arrive late', async () => {
    const { broker } = setUp();
    const manager = broker.connect('manager');
    const agent = broker.connect('agent');
    const heard = await hear(agent, 'in');
    broker.hold('agent', 'down');
    await manager.publish('in', bytes('1'));
    await broker.settled();
    expect(heard).toEqual([]);
    expect(agent.state).toEqual({ kind: 'connected' });
    broker.release('agent');
    await broker.settled();
    expect(heard).toEqual(['in 1']);
  });

  it('loses what was on its way when the connection is cut', async () => {
    const { broker, clock } = setUp();
    const manager = broker.connect('manager');
    const heard = await hear(broker.connect('agent'), 'in');
    broker.setDelay(({ client, direction }) => (client === 'agent' && direction === 'down' ? 1000 : 0));
    await manager.publish('in', bytes('lost on the way'));
    await broker.settled();
    broker.cut('agent', { will: false });
    broker.restore('agent');
    clock.advance(10_000);
    await manager.publish('in', bytes('after'));
    await broker.settled();
    clock.advance(10_000);
    await broker.settled();
    expect(heard).toEqual(['in after']);
  });

  it('lets a second connection of a name take over, with the will of the first', async () => {
    const { broker } = setUp();
    const heard = await hear(broker.connect('manager'), 'presence');
    const first = broker.connect('agent', { will: { topic: 'presence', payload: bytes('first lost'), retain: true } });
    const second = broker.connect('agent');
    await broker.settled();
    expect(heard).toEqual(['presence first lost']);
    expect(first.state).toEqual({ kind: 'disconnected', reason: 'another connection of the same name took over' });
    expect(second.state).toEqual({ kind: 'connected' });
  });

  it('hands a listener one message at a time, and the next one even if it failed', async () => {
    const { broker } = setUp();
    const manager = broker.connect('manager');
    const order: string[] = [];
    const first = Promise.withResolvers<undefined>();
    await manager.subscribe('out', async ({ payload }) => {
      order.push(`begin ${payload[0]}`);
      await first.promise;
      order.push(`end ${payload[0]}`);
      throw new Error('of the listener');
    });
    const others = await hear(manager, '#');
    const agent = broker.connect('agent');
    await agent.publish('out', new Uint8Array([1]));
    await agent.publish('out', new Uint8Array([2]));
    await broker.settled();
    expect(order).toEqual(['begin 1']);
    expect(others).toHaveLength(2);
    first.resolve(undefined);
    await broker.settled();
    expect(order).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
  });

  it('refuses what no broker takes, with the reason', async () => {
    const { broker } = setUp();
    const agent = broker.connect('agent');
    await expect(agent.publish('a/+/b', bytes(''))).rejects.toThrow(
      new BusError('refused', 'a topic to publish to has no wildcards: "a/+/b"'),
    );
    await expect(agent.publish('a', new Uint8Array(512 * 1024 + 1))).rejects.toThrow(
      'a message to a has 524289 bytes; at most 524288 are sent',
    );
    await expect(agent.subscribe('a/#/b', () => undefined)).rejects.toThrow('# is the whole last level: "a/#/b"');
    broker.stop();
    await expect(agent.publish('a', bytes(''), { qos: 0 })).rejects.toThrow('a message to a cannot leave: the broker is down');
    await agent.close();
    await expect(agent.publish('a', bytes(''))).rejects.toThrow('this bus was closed');
  });

  it('keeps a bounded number of messages for a broker that is down', async () => {
    const { broker } = setUp();
    const agent = broker.connect('agent');
    broker.stop();
    const kept = Array.from({ length: 64 }, () => agent.publish('a', new Uint8Array(512 * 1024)));
    await expect(agent.publish('a', bytes('1'))).rejects.toThrow('64 messages of 33554432 bytes wait for the broker');
    broker.start();
    await expect(Promise.all(kept)).resolves.toHaveLength(64);
  });
});
