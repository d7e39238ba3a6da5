import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brokerLimits } from '../../src/bus/broker-limits.ts';
import { Inflow } from '../../src/bus/inflow.ts';
import { MqttFrames } from '../../src/bus/mqtt-frames.ts';
import { Outbox } from '../../src/bus/outbox.ts';
import { Reconnect } from '../../src/bus/reconnect.ts';
import { HeldClock } from '../../src/clock.ts';
import { packet } from './raw-client.ts';

describe('what one client may send', () => {
  const limits = { ...brokerLimits, packetsPerSecond: 10, packetBurst: 20, floodSeconds: 5 };

  it('goes through as a burst, then at its pace', () => {
    const clock = new HeldClock();
    const inflow = new Inflow(clock, limits);
    for (let at = 0; at < 20; at++) inflow.packet();
    expect(inflow.read(100)).toEqual({ kind: 'read' });
    inflow.packet();
    expect(inflow.read(5)).toEqual({ kind: 'wait', waitMs: 100 });
    clock.advance(100);
    expect(inflow.read(5)).toEqual({ kind: 'read' });
  });

  it('is a flood when it was too much for so long, not when it was at times', () => {
    const clock = new HeldClock();
    const inflow = new Inflow(clock, limits);
    const verdicts = new Set<string>();
    const push = (): void => {
      for (let at = 0; at < 25; at++) inflow.packet();
      verdicts.add(inflow.read(5).kind);
    };
    for (let times = 0; times < 10; times++) {
      push();
      clock.advance(4000);
      inflow.read(1);
    }
    expect([...verdicts]).toEqual(['wait']);
    for (let times = 0; times < 10; times++) {
      push();
      clock.advance(500);
    }
    expect([...verdicts]).toEqual(['wait', 'flood']);
  });
});

describe('the boundaries of packets', () => {
  it('are found in whatever pieces the stream comes (MQTT 3.1.1, 2.2.3)', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (parts, cuts) => {
        const seen: number[] = [];
        const frames = new MqttFrames(1000, ({ bytes }) => {
          seen.push(bytes);
          return undefined;
        });
        const packets = parts.map((body) => packet(0x30, body));
        const stream = Buffer.concat(packets);
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const next = at + (cuts[turn % cuts.length] ?? 1);
          frames.read(stream.subarray(at, next));
          at = next;
        }
        expect(seen).toEqual(packets.map((each) => each.length));
      }),
    );
  });

  it('end with the first packet that is too long, before its body has come', () => {
    const frames = new MqttFrames(100);
    expect(frames.read(packet(0x30, Buffer.alloc(200)).subarray(0, 3))).toBe('a packet of 203 bytes came; at most 100 are taken');
    expect(frames.read(Buffer.from([0xc0, 0]))).toBe('a packet of 203 bytes came; at most 100 are taken');
  });
});

describe('the time until a client connects again', () => {
  it('is anywhere within a time that doubles up to a limit, and short again after a good connection', () => {
    const clock = new HeldClock();
    const reconnect = new Reconnect(clock, () => 0.5, { firstMs: 1000, mostMs: 5000, goodMs: 10_000 });
    expect([1, 2, 3, 4, 5].map(() => reconnect.delayMs())).toEqual([500, 1000, 2000, 2500, 2500]);
    reconnect.connected();
    clock.advance(9999);
    expect(reconnect.delayMs()).toBe(2500);
    reconnect.connected();
    clock.advance(10_000);
    expect(reconnect.delayMs()).toBe(500);
  });
});

describe('what waits for a broker', () => {
  it('is given up when it was the oldest on its way each time that 8 connections in a row ended', async () => {
    const outbox = new Outbox();
    const first = outbox.add('bad', new Uint8Array(1), {});
    void outbox.add('good', new Uint8Array(1), {});
    const outcome = first.catch(String);
    for (let times = 0; times < 8; times++) {
      expect(outbox.next()?.topic).toBe('bad');
      outbox.next();
      outbox.again();
    }
    expect(await outcome).toBe('BusError: 8 connections ended while a message to bad was on its way');
    expect([outbox.size, outbox.next()?.topic]).toEqual([1, 'good']);
  });

  it('is counted until it is settled', async () => {
    const outbox = new Outbox({ messageBytes: 10, messages: 2, bytes: 15 });
    const first = outbox.add('a', new Uint8Array(10), {});
    expect(() => outbox.add('a', new Uint8Array(10), {})).toThrow('1 messages of 10 bytes wait for the broker');
    const sent = outbox.next();
    expect(sent?.topic).toBe('a');
    if (sent !== undefined) outbox.settle(sent);
    await first;
    void outbox.add('a', new Uint8Array(1), {});
    void outbox.add('a', new Uint8Array(1), {});
    expect(() => outbox.add('a', new Uint8Array(1), {})).toThrow('2 messages of 2 bytes wait for the broker');
  });
});
