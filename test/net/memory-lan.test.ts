import { describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { MemoryLan, seededFaults } from '../../src/net/memory-lan.ts';
import type { UdpChannel } from '../../src/net/udp-channel.ts';

const everybody = '255.255.255.255';

function hearing(channel: UdpChannel): string[] {
  const heard: string[] = [];
  channel.onDatagram((bytes, from) => heard.push(`${Buffer.from(bytes).toString()} from ${from.address}`));
  return heard;
}

async function pair(lan: MemoryLan): Promise<{ sender: UdpChannel; heard: string[] }> {
  const sender = await lan.host('10.0.0.1').bindAddress('10.0.0.1', 1000);
  return { sender, heard: hearing(await lan.host('10.0.0.2').bindAddress('10.0.0.2', 69)) };
}

async function say(lan: MemoryLan, sender: UdpChannel, ...words: readonly string[]): Promise<void> {
  for (const word of words) sender.send(Buffer.from(word), { address: '10.0.0.2', port: 69 });
  await lan.settle();
}

describe('MemoryLan', () => {
  it('carries broadcasts to sockets on interfaces only, and unicasts to the address rather than to the interface', async () => {
    const lan = new MemoryLan();
    const server = lan.host('10.0.0.5');
    const onInterface = hearing(await server.bindInterface('br0', 67));
    const onAddress = hearing(await server.bindAddress('10.0.0.5', 67));
    const client = await lan.host().bindInterface('eth0', 68);
    client.send(Buffer.from('discover'), { address: everybody, port: 67 });
    client.send(Buffer.from('renew'), { address: '10.0.0.5', port: 67 });
    await lan.settle();
    expect(onInterface).toEqual(['discover from 0.0.0.0']);
    expect(onAddress).toEqual(['renew from 0.0.0.0']);
  });

  it('lets a sender reuse its buffer', async () => {
    const lan = new MemoryLan();
    const { sender, heard } = await pair(lan);
    const bytes = Buffer.from('first');
    sender.send(bytes, { address: '10.0.0.2', port: 69 });
    bytes.fill(0);
    await lan.settle();
    expect(heard).toEqual(['first from 10.0.0.1']);
  });

  it('loses, doubles and delays packets as it is told', async () => {
    const lan = new MemoryLan();
    const { sender, heard } = await pair(lan);
    lan.fault = (_packet, number) => (['drop', 'duplicate', 'late'] as const)[number] ?? 'deliver';
    await say(lan, sender, 'a', 'b', 'c', 'd');
    expect(heard.map((line) => line[0])).toEqual(['b', 'b', 'd', 'c']);
  });

  it('takes the time of a clock where it has one', async () => {
    const clock = new HeldClock();
    const lan = new MemoryLan({ clock, delayMs: 5 });
    const { sender, heard } = await pair(lan);
    await say(lan, sender, 'a');
    clock.advance(4);
    expect(heard).toHaveLength(0);
    clock.advance(1);
    expect(heard).toHaveLength(1);
  });

  it('refuses an address and port that is taken, and frees it with its channel', async () => {
    const host = new MemoryLan().host('10.0.0.5');
    const channel = await host.bindAddress('10.0.0.5', 69);
    await expect(host.bindAddress('10.0.0.5', 69)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await channel.close();
    await expect(host.bindAddress('10.0.0.5', 69)).resolves.toBeDefined();
  });

  it('makes the same faults from the same seed, in about the shares that were wished', () => {
    const packet = { from: { address: '10.0.0.1', port: 1 }, to: { address: '10.0.0.2', port: 2 }, bytes: new Uint8Array() };
    const faults = (): string[] => {
      const fault = seededFaults({ loss: 0.1, duplicate: 0.1 }, 42);
      return Array.from({ length: 2000 }, (_, number) => fault(packet, number));
    };
    expect(faults()).toEqual(faults());
    const lost = faults().filter((fault) => fault === 'drop').length;
    expect(lost).toBeGreaterThan(140);
    expect(lost).toBeLessThan(260);
  });
});
