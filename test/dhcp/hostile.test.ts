import { describe, expect, it } from 'vitest';
import { WireError } from '../../src/bytes/wire-error.ts';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { decodeDhcp, encodeDhcp } from '../../src/dhcp/packet.ts';
import { Client, nameOf, serve } from './lan-fixture.ts';

const one = '52:54:00:00:00:01';

describe('DhcpServer, with packets of no honest client', () => {
  it('drops a packet of 60 KB, whose thousands of parts of one option would take half a second to join', async () => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one);
    const start = encodeDhcp(client.packet('DISCOVER')).subarray(0, 243);
    const parts = Buffer.alloc(60_000, Uint8Array.of(12, 1, 65));
    const bytes = Buffer.concat([start, parts, Uint8Array.of(255)]);
    expect(() => decodeDhcp(bytes)).toThrow(WireError);
    expect(await client.sendBytes(bytes)).toBeUndefined();
    expect(nameOf(await client.send('DISCOVER'))).toBe('OFFER');
    await server.close();
  });

  it.each([optionCode.clientId, optionCode.relayAgent])(
    'drops a REQUEST whose option %i could not be sent back, before a lease is written',
    async (code) => {
      const { lan, server, store, log } = await serve();
      const client = await Client.join(lan, one);
      await client.send('DISCOVER');
      const options = [[code, new Uint8Array(2000)]] as const;
      expect(await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5', options })).toBeUndefined();
      expect(store.stored.size).toBe(0);
      expect(log.lines.at(-1)?.fields).toMatchObject({ reason: 'more to be sent back than an answer holds' });
      await server.close();
    },
  );

  it.each([
    ['an address of elsewhere', '8.8.8.8'],
    ['the broadcast address', '10.0.0.255'],
    ['the address of the network', '10.0.0.0'],
  ])('sends nothing to %s that an INFORM names as its own', async (_what, ciaddr) => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one, '10.0.0.40');
    const before = lan.sent.length;
    await client.send('INFORM', { ciaddr });
    expect(lan.sent.slice(before).filter(({ to }) => to.port === 68)).toEqual([]);
    await server.close();
  });

  it('sends nothing to a relay at the broadcast address', async () => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one);
    const before = lan.sent.length;
    await client.send('DISCOVER', { giaddr: '10.0.0.255' });
    expect(lan.sent.slice(before)).toHaveLength(1);
    await server.close();
  });

  it('writes why a lease could not be stored, not an empty object', async () => {
    const { lan, store, server, log } = await serve();
    const client = await Client.join(lan, one);
    await client.send('DISCOVER');
    store.held = true;
    await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5' });
    store.fail();
    await lan.settle();
    // pino writes an Error in full under this name alone.
    expect(log.lines.find(({ level }) => level === 'error')?.fields['err']).toBeInstanceOf(Error);
    await server.close();
  });
});
