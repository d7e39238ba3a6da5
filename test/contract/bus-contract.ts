import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it, vi } from 'vitest';
import type { Bus } from '../../src/bus/bus.ts';
import type { BrokerUnderContract } from './brokers-under-contract.ts';

const waiting = { timeout: 20_000, interval: 10 };

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

async function hear(bus: Bus, filter: string): Promise<string[]> {
  const heard: string[] = [];
  await bus.subscribe(filter, ({ payload, retained }) => {
    heard.push(`${retained ? 'retained ' : ''}${textOf(payload)}`);
  });
  return heard;
}

function numbers(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, at) => String(from + at));
}

function digest(payload: Uint8Array): string {
  return createHash('sha256').update(payload).digest('hex');
}

/** What a bus promises whatever the broker is. Names and topics are each test's own: the broker is shared. */
export function busContract(make: () => Promise<BrokerUnderContract>): void {
  let broker: BrokerUnderContract;

  beforeAll(async () => {
    broker = await make();
    return () => broker.close();
  }, 60_000);

  it('delivers what is published to several topics in the order of each, without a loss', async () => {
    const reader = await broker.connect('order-reader');
    const writer = await broker.connect('order-writer');
    const topics = ['order/a', 'order/b', 'order/c'];
    const heard = await Promise.all(topics.map((topic) => hear(reader.bus, topic)));
    await Promise.all(numbers(300).flatMap((each) => topics.map((topic) => writer.bus.publish(topic, bytes(each)))));
    await vi.waitUntil(() => heard.every((each) => new Set(each).size === 300), waiting);
    expect(heard).toEqual([numbers(300), numbers(300), numbers(300)]);
  });

  it('delivers at least once, and in order but for repeats, when the connection of the writer breaks in mid-stream', async () => {
    const reader = await broker.connect('break-reader');
    const writer = await broker.connect('break-writer');
    const heard = await hear(reader.bus, 'break');
    const taken: Promise<void>[] = [];
    for (const each of numbers(400)) {
      taken.push(writer.bus.publish('break', bytes(each)));
      if (Number(each) % 100 === 50) {
        await sleep(2);
        writer.cut();
        await sleep(20);
        writer.mend();
      }
    }
    await Promise.all(taken);
    await vi.waitUntil(() => new Set(heard).size === 400, waiting);
    expect([...new Set(heard)]).toEqual(numbers(400));
    // A window of messages is on its way at most, each time that it breaks.
    expect(heard.length - 400).toBeLessThanOrEqual(4 * 32);
  });

  it('delivers on when the broker ended in mid-stream and is back, with all that was acknowledged where it keeps that', async () => {
    const reader = await broker.connect('restart-reader');
    const writer = await broker.connect('restart-writer');
    const heard = await hear(reader.bus, 'restart');
    const early = Promise.all(numbers(200).map((each) => writer.bus.publish('restart', bytes(each))));
    await vi.waitUntil(() => heard.length > 20, waiting);
    await broker.stop();
    await vi.waitUntil(() => reader.bus.state.kind === 'disconnected' && writer.bus.state.kind === 'disconnected', waiting);
    const late = Promise.all(numbers(50, 200).map((each) => writer.bus.publish('restart', bytes(each))));
    await broker.start();
    await Promise.all([early, late]);
    await vi.waitUntil(() => reader.bus.state.kind === 'connected', waiting);
    await writer.bus.publish('restart', bytes('last'));
    await vi.waitUntil(() => heard.includes('last'), waiting);
    const missing = (): number => numbers(250).filter((each) => !heard.includes(each)).length;
    if (broker.keepsMessages) await vi.waitUntil(() => missing() === 0, waiting);
    const firsts = [...new Set(heard)].filter((each) => each !== 'last').map(Number);
    expect(firsts).toEqual(broker.redeliversInOrder ? firsts.toSorted((one, other) => one - other) : firsts);
  });

  it('carries messages of 100 KB whole', async () => {
    const reader = await broker.connect('large-reader');
    const writer = await broker.connect('large-writer');
    const heard: string[] = [];
    await reader.bus.subscribe('large', ({ payload }) => {
      heard.push(digest(payload));
    });
    const payloads = Array.from({ length: 40 }, (_, at) => Buffer.alloc(100_000, `message ${at} `));
    await Promise.all(payloads.map((payload) => writer.bus.publish('large', payload)));
    await vi.waitUntil(() => heard.length >= 40, waiting);
    expect(heard).toEqual(payloads.map(digest));
  });

  it('waits for a slow reader, and lets it slow nobody else', async () => {
    const reader = await broker.connect('slow-reader');
    const writer = await broker.connect('slow-writer');
    const slow: string[] = [];
    await reader.bus.subscribe('slow', async ({ payload }) => {
      await sleep(3);
      slow.push(textOf(payload.subarray(0, 4)));
    });
    const quick = await hear(reader.bus, 'quick');
    const all = numbers(200, 1000).map((each) => writer.bus.publish('slow', Buffer.alloc(10_000, each)));
    await writer.bus.publish('quick', bytes('soon'));
    await vi.waitUntil(() => quick.length > 0, waiting);
    const slowWhenQuickCame = slow.length;
    await Promise.all(all);
    await vi.waitUntil(() => slow.length >= 200, waiting);
    expect(slow).toEqual(numbers(200, 1000));
    expect(slowWhenQuickCame).toBeLessThan(200);
  });

  it('publishes the will of who is lost, and not of who says goodbye', async () => {
    const reader = await broker.connect('will-reader');
    const heard = await hear(reader.bus, 'will/+');
    const lost = await broker.connect('will-lost', { will: { topic: 'will/lost', payload: bytes('lost'), retain: true } });
    const left = await broker.connect('will-left', { will: { topic: 'will/left', payload: bytes('left'), retain: true } });
    await left.bus.close();
    lost.cut();
    await vi.waitUntil(() => heard.length > 0, waiting);
    await reader.bus.publish('will/end', bytes('end'));
    await vi.waitUntil(() => heard.includes('end'), waiting);
    expect(heard).toEqual(['lost', 'end']);
    const later = await hear((await broker.connect('will-later')).bus, 'will/+');
    await vi.waitUntil(() => later.length > 0, waiting);
    expect(later).toEqual(['retained lost']);
  });

  it('keeps the last retained message of a topic for who comes later, until an empty one removes it', async () => {
    const writer = await broker.connect('retain-writer');
    await writer.bus.publish('retain/a', bytes('old'), { retain: true });
    await writer.bus.publish('retain/a', bytes('new'), { retain: true });
    await writer.bus.publish('retain/b', bytes('gone'), { retain: true });
    await writer.bus.publish('retain/b', bytes(''), { retain: true });
    const heard = await hear((await broker.connect('retain-reader')).bus, 'retain/+');
    await writer.bus.publish('retain/c', bytes('end'));
    await vi.waitUntil(() => heard.includes('end'), waiting);
    expect(heard.toSorted()).toEqual(['end', 'retained new']);
  });

  it('has after its return what it says that it keeps', async () => {
    const writer = await broker.connect('return-writer');
    await writer.bus.publish('return/a', bytes('kept'), { retain: true });
    await broker.stop();
    await broker.start();
    await writer.bus.publish('return/b', bytes('fresh'), { retain: true });
    const heard = await hear((await broker.connect('return-reader')).bus, 'return/+');
    await vi.waitUntil(() => heard.includes('retained fresh'), waiting);
    expect(heard.toSorted()).toEqual(broker.keepsRetained ? ['retained fresh', 'retained kept'] : ['retained fresh']);
  });

  it('lets a second connection of a name take over the first', async () => {
    const writer = await broker.connect('over-writer');
    const first = await broker.connect('over');
    first.bus.onState((state) => {
      // It would come back and take over in its turn, for ever.
      if (state.kind === 'disconnected') void first.bus.close();
    });
    const second = await broker.connect('over');
    await vi.waitUntil(() => first.bus.state.kind === 'disconnected', waiting);
    const heard = await hear(second.bus, 'over');
    await writer.bus.publish('over', bytes('to the second'));
    await vi.waitUntil(() => heard.length > 0, waiting);
    expect(heard).toEqual(['to the second']);
    expect(second.bus.state).toEqual({ kind: 'connected' });
  });

  it('hears again what it subscribed to, after its connection was cut', async () => {
    const reader = await broker.connect('again-reader');
    const writer = await broker.connect('again-writer');
    const heard = await hear(reader.bus, 'again');
    reader.cut();
    await vi.waitUntil(() => reader.bus.state.kind === 'disconnected', waiting);
    reader.mend();
    await vi.waitUntil(() => reader.bus.state.kind === 'connected', waiting);
    await writer.bus.publish('again', bytes('1'));
    await vi.waitUntil(() => heard.length > 0, waiting);
    expect(heard).toEqual(['1']);
  });
}
