import { describe, expect, it } from 'vitest';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { decodeDhcp, encodeDhcp } from '../../src/dhcp/packet.ts';
import { ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { MemoryLan } from '../../src/net/memory-lan.ts';
import { lab, serve } from './lan-fixture.ts';

const minute = 60_000;

/** Another DHCP server, which offers an address to everybody. */
async function rival(lan: MemoryLan, address: Ipv4, serverId = address): Promise<void> {
  const channel = await lan.host(address).bindInterface('eth0', 67);
  channel.onDatagram((bytes) => {
    const options = new Map([
      [optionCode.messageType, Uint8Array.of(2)],
      [optionCode.serverId, Uint8Array.from(serverId.split('.').map(Number))],
    ]);
    const offer = { ...decodeDhcp(bytes), op: 'reply' as const, yiaddr: ipv4Number('10.0.0.200'), options };
    channel.send(encodeDhcp(offer), { address: '255.255.255.255', port: 68 });
  });
}

describe('RivalWatch', () => {
  it('finds another DHCP server, again and again as long as it is there', async () => {
    const { lan, clock, log, server } = await serve(lab, { rivalWatchMs: 10 * minute });
    await rival(lan, '10.0.0.66');
    const alarms = (): number => log.lines.filter(({ level, fields }) => level === 'warn' && fields['server'] === '10.0.0.66').length;
    clock.advance(5000);
    await lan.settle();
    expect(alarms()).toBe(1);
    clock.advance(5000 + 10 * minute);
    await lan.settle();
    expect(alarms()).toBe(2);
    await server.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes neither itself for a rival nor its own question for a client', async () => {
    const { lan, clock, log, server, observed, book } = await serve(lab, { rivalWatchMs: 10 * minute });
    clock.advance(5000);
    await lan.settle();
    expect(lan.sent.map(({ to }) => to.port)).toEqual([67]);
    expect(observed).toEqual([]);
    expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    expect(book.leaseOf('10.0.0.100')).toBeUndefined();
    await server.close();
  });

  it('takes a second server that answers in our name for none', async () => {
    const { lan, clock, log, server } = await serve(lab, { rivalWatchMs: 10 * minute });
    await rival(lan, '10.0.0.66', lab.serverAddress);
    clock.advance(5000);
    await lan.settle();
    expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    await server.close();
  });

  it('asks nothing where it is not authoritative', async () => {
    const { lan, clock, server } = await serve({ ...lab, mode: 'reserved' }, { rivalWatchMs: minute });
    clock.advance(5 * minute);
    await lan.settle();
    expect(lan.sent).toEqual([]);
    await server.close();
  });
});
