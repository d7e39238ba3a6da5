import { describe, expect, it, vi } from 'vitest';
import type { BusWill } from '../../src/bus/bus.ts';
import { credential } from '../../src/bus/credential.ts';
import { BrokerUnderTest, bytes, hear, untilConnected, untilState } from './embedded-broker-under-test.ts';

/** It does not come back within a test. */
const once = { reconnect: { firstMs: 1e6, mostMs: 1e6, goodMs: 0 }, random: () => 1 };

function willOf(machine: string): BusWill {
  return { topic: `agent/${machine}/presence`, payload: bytes('lost'), retain: true };
}

describe('the embedded broker', () => {
  it('carries messages both ways over TLS with a key, in the order of each topic', async () => {
    await using under = await BrokerUnderTest.start();
    const manager = under.broker.connectLocal('manager');
    const agent = under.agent('post01/17');
    const atManager = await hear(manager, 'agent/+/out');
    const atAgent = await hear(agent, 'agent/post01/in');
    await untilConnected(agent);
    const numbers = Array.from({ length: 200 }, (_, at) => String(at));
    await Promise.all(numbers.map((each) => agent.publish('agent/post01/out', bytes(each))));
    await Promise.all(numbers.map((each) => manager.publish('agent/post01/in', bytes(each))));
    await vi.waitUntil(() => atManager.length + atAgent.length >= 400);
    expect(atManager).toEqual(numbers.map((each) => `agent/post01/out ${each}`));
    expect(atAgent).toEqual(numbers.map((each) => `agent/post01/in ${each}`));
  });

  it('loses nothing where a retained message, one of QoS 0 and one of QoS 1 overtake each other', async () => {
    await using under = await BrokerUnderTest.start();
    const manager = under.broker.connectLocal('manager');
    const agent = under.agent('post01/17');
    const presence = await hear(agent, 'manager/+/presence');
    const beats = await hear(agent, 'group/all/in');
    const commands = await hear(agent, 'agent/post01/in');
    await untilConnected(agent);
    for (let at = 0; at < 50; at++) {
      void manager.publish('manager/a/presence', bytes(String(at)), { retain: true });
      void manager.publish('agent/post01/in', bytes(String(at)));
      void manager.publish('group/all/in', bytes(String(at)), { qos: 0 });
    }
    await vi.waitUntil(() => presence.length + beats.length + commands.length >= 150);
    expect([presence.length, beats.length, commands.length]).toEqual([50, 50, 50]);
  });

  it('publishes the will of an agent whose connection is lost, and none of one that says goodbye', async () => {
    await using under = await BrokerUnderTest.start();
    const heard = await hear(under.broker.connectLocal('manager'), 'agent/+/presence');
    const first = under.agent('post01/17', { will: willOf('post01'), ...once });
    const second = under.agent('post02/18', { will: willOf('post02') });
    await untilConnected(first, second);
    await second.close();
    expect(under.broker.disconnect('post01/17')).toBe(true);
    await vi.waitUntil(() => heard.length > 0);
    await untilState(first, 'disconnected');
    expect(heard).toEqual(['agent/post01/presence lost']);
  });

  it('gives what is retained to a client in this process and to an agent', async () => {
    await using under = await BrokerUnderTest.start();
    const manager = under.broker.connectLocal('manager');
    await manager.publish('manager/manager/presence', bytes('here'), { retain: true });
    const agent = under.agent('post01/17');
    const atAgent = await hear(agent, 'manager/+/presence');
    await untilConnected(agent);
    await agent.publish('agent/post01/presence', bytes('here'), { retain: true });
    await vi.waitUntil(() => atAgent.length > 0);
    const atManager = await hear(manager, 'agent/+/presence');
    await vi.waitUntil(() => atManager.length > 0);
    expect(atAgent).toEqual(['retained manager/manager/presence here']);
    expect(atManager).toEqual(['retained agent/post01/presence here']);
  });

  it('lets the newer connection of a user take over, with the will of the first before its own word', async () => {
    await using under = await BrokerUnderTest.start();
    const heard = await hear(under.broker.connectLocal('manager'), 'agent/+/presence');
    const first = under.agent('post01/17', { will: willOf('post01'), ...once });
    await untilConnected(first);
    const second = under.agent('post01/17');
    await untilConnected(second);
    await second.publish('agent/post01/presence', bytes('here'));
    await vi.waitUntil(() => heard.length === 2);
    expect(heard).toEqual(['agent/post01/presence lost', 'agent/post01/presence here']);
    expect(first.state).toEqual({ kind: 'disconnected', reason: 'the broker closed the connection' });
    expect(under.broker.usernames).toEqual(['post01/17']);
  });

  it.each([
    ['the key of another boot', 'post01/18', 'post01/17'],
    ['the key of another machine', 'post01/17', 'post02/17'],
    ['a name that is no agent', 'post01/17', 'admin'],
  ])('does not let in %s', async (_, keyOf, username) => {
    await using under = await BrokerUnderTest.start();
    const agent = under.agent('post01/17', { username, clientId: username, password: credential(under.key, keyOf) });
    await vi.waitUntil(() => agent.state.kind === 'disconnected' && agent.state.reason !== 'not connected yet');
    expect(agent.state).toEqual({
      kind: 'disconnected',
      reason: `127.0.0.1:${under.broker.port} and this side have no key in common: the credential is of another boot, or it is not our broker`,
    });
  });

  it('does not let in an older boot once a newer one is known', async () => {
    await using under = await BrokerUnderTest.start();
    const agent = under.agent('post01/17');
    await untilConnected(agent);
    under.newestBoot.set('post01', 18);
    under.broker.disconnect('post01/17');
    await vi.waitUntil(() => agent.state.kind === 'disconnected' && agent.state.reason.includes('credential'));
    expect(under.broker.usernames).toEqual([]);
  });

  it('comes back to its agents with what they had queued, when it is started again', async () => {
    await using under = await BrokerUnderTest.start();
    const agent = under.agent('post01/17');
    await untilConnected(agent);
    const { port } = under.broker;
    await under.broker.close();
    await untilState(agent, 'disconnected');
    const taken = agent.publish('agent/post01/out', bytes('queued'));
    await under.open(port);
    const heard = await hear(under.broker.connectLocal('manager'), 'agent/+/out');
    await taken;
    await vi.waitUntil(() => heard.length > 0);
    expect(heard).toEqual(['agent/post01/out queued']);
  });

  it('makes who publishes wait for a slow listener in this process, and forgets nothing', async () => {
    await using under = await BrokerUnderTest.start({ localMessages: 5, packetsPerSecond: 10_000, packetBurst: 10_000 });
    const agent = under.agent('post01/17');
    const heard: number[] = [];
    const gate = Promise.withResolvers<undefined>();
    await under.broker.connectLocal('manager').subscribe('agent/+/out', async ({ payload }) => {
      await gate.promise;
      heard.push(payload[0] ?? 0);
    });
    await untilConnected(agent);
    const all = Promise.all(Array.from({ length: 200 }, (_, at) => agent.publish('agent/post01/out', new Uint8Array(5000).fill(at))));
    gate.resolve(undefined);
    await all;
    await vi.waitUntil(() => heard.length === 200);
    expect(heard).toEqual(Array.from({ length: 200 }, (_, at) => at));
  });

  it('says in words that its port is taken', async () => {
    await using under = await BrokerUnderTest.start();
    const other = new BrokerUnderTest();
    await expect(other.open(under.broker.port)).rejects.toThrow(
      `the bus cannot listen on 127.0.0.1 port ${under.broker.port}: something else listens there`,
    );
  });
});
