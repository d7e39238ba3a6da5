import { describe, expect, it } from 'vitest';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { decodeDhcp } from '../../src/dhcp/packet.ts';
import { recorded } from '../fixtures/dhcp/recorded.ts';
import { addressOf, bootDom0, Client, HeldStore, lab, nameOf, serve, textOf } from './lan-fixture.ts';

const one = '52:54:00:00:00:01';
const two = '52:54:00:00:00:02';

describe('DhcpServer, with the bytes of real clients', () => {
  it('boots the ROM and then GRUB Legacy of one machine, with one address and option 150', async () => {
    const { lan, advisor, server } = await serve();
    advisor.decision = bootDom0;
    advisor.reservations.set('52:54:00:00:00:0c', '10.0.0.77');
    const rom = await Client.join(lan, '52:54:00:00:00:0c');
    const grub = await Client.join(lan, '52:54:00:00:00:0c', '10.0.0.77');

    const answers = [
      await rom.sendBytes(recorded('ipxe-rom-discover')),
      await rom.sendBytes(recorded('ipxe-rom-request')),
      await grub.sendBytes(recorded('grub-legacy-discover')),
      await grub.sendBytes(recorded('grub-legacy-request')),
    ];

    expect(answers.map(nameOf)).toEqual(['OFFER', 'ACK', 'OFFER', 'ACK']);
    expect(answers.map(addressOf)).toEqual(['10.0.0.77', '10.0.0.77', '10.0.0.77', '10.0.0.77']);
    for (const answer of answers) {
      expect(textOf(answer, optionCode.tftpServers)).toBe('(nd)/menus/p1.lst');
      expect(answer?.file).toBe('pxegrub-ne');
    }
    await server.close();
  });

  it('gives every face of one machine the same address of the pool: ROM, firmware, boot loader, kernel, DHCP clients', async () => {
    const { lan, server } = await serve();
    const names = ['qemu-rom', 'edk2-pxe', 'grub-legacy', 'klibc', 'dhclient', 'udhcpc'] as const;
    const client = await Client.join(lan, one);
    const addresses = [];
    for (const name of names) {
      const bytes = recorded(`${name}-discover`);
      bytes.set(Buffer.from(one.replaceAll(':', ''), 'hex'), 28);
      const offered = addressOf(await client.sendBytes(bytes)) ?? '';
      addresses.push(offered, addressOf(await client.send('REQUEST', { requested: offered, server: '10.0.0.5' })));
    }
    expect(addresses).toEqual(addresses.map(() => '10.0.0.100'));
    await server.close();
  });

  it.each([
    ['udhcpc-discover', 'ea:b9:a7:33:e3:b2'],
    ['dhclient-discover', 'ea:b9:a7:33:e3:b2'],
    ['klibc-discover', '52:54:00:00:0b:01'],
    ['edk2-pxe-discover', '52:54:00:00:0a:01'],
    ['qemu-rom-discover', '52:54:00:00:0a:01'],
  ] as const)('offers an address to %s', async (name, mac) => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, mac);
    const offer = await client.sendBytes(recorded(name));
    expect(nameOf(offer)).toBe('OFFER');
    expect(offer?.xid).toBe(decodeDhcp(recorded(name)).xid);
    await server.close();
  });
});

describe('DhcpServer, leases', () => {
  it('sends no ACK before the lease is on disk (RFC 2131 3.1)', async () => {
    const { lan, store, server } = await serve();
    const client = await Client.join(lan, one);
    await client.send('DISCOVER');
    store.held = true;
    const early = await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5' });
    expect(early).toBeUndefined();
    store.letThrough();
    await lan.settle();
    expect(nameOf(client.heard.at(-1))).toBe('ACK');
    expect(store.stored.get('10.0.0.100')?.mac).toBe(one);
    await server.close();
  });

  it('writes all leases that are asked for during one commit in the next one', async () => {
    const { lan, store, server } = await serve();
    const clients = await Promise.all(['01', '02', '03', '04'].map((last) => Client.join(lan, `52:54:00:00:00:${last}`)));
    const offers = [];
    for (const client of clients) offers.push(addressOf(await client.send('DISCOVER')) ?? '');
    store.held = true;
    for (const [at, client] of clients.entries()) await client.send('REQUEST', { requested: offers[at] ?? '', server: '10.0.0.5' });
    expect(store.batches.map((batch) => batch.length)).toEqual([1]);
    store.letThrough();
    await lan.settle();
    expect(store.batches.map((batch) => batch.length)).toEqual([1, 3]);
    store.letThrough();
    await lan.settle();
    expect(clients.map(({ heard }) => nameOf(heard.at(-1)))).toEqual(['ACK', 'ACK', 'ACK', 'ACK']);
    await server.close();
  });

  it('sends no ACK when the commit fails, and the same address when the client asks again', async () => {
    const { lan, store, server, observed, log, book } = await serve();
    const client = await Client.join(lan, one);
    await client.send('DISCOVER');
    store.held = true;
    await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5' });
    store.fail();
    await lan.settle();
    expect(client.heard.map(nameOf)).toEqual(['OFFER']);
    expect(book.leaseOf('10.0.0.100')).toBeUndefined();
    expect(observed.at(-1)).toMatchObject({ kind: 'ignored', reason: 'the lease could not be written' });
    expect(log.lines.some(({ level }) => level === 'error')).toBe(true);
    store.held = false;
    expect(nameOf(await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5' }))).toBe('ACK');
    await server.close();
  });

  it('answers a REQUEST that was repeated during its commit once, with the number of the repeat', async () => {
    const { lan, store, server } = await serve();
    const client = await Client.join(lan, one);
    await client.send('DISCOVER');
    store.held = true;
    await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5', xid: 71 });
    await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5', xid: 72 });
    store.letThrough();
    await lan.settle();
    store.letThrough();
    await lan.settle();
    expect(client.heard.filter((packet) => nameOf(packet) === 'ACK').map(({ xid }) => xid)).toEqual([72]);
    await server.close();
  });

  it('gives two clients that race two addresses, and the loser of one address a NAK', async () => {
    const { lan, store, server } = await serve();
    const first = await Client.join(lan, one);
    const second = await Client.join(lan, two);
    const offers = [await first.send('DISCOVER'), await second.send('DISCOVER')];
    expect(offers.map(addressOf)).toEqual(['10.0.0.100', '10.0.0.101']);
    store.held = true;
    await first.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5' });
    expect(nameOf(await second.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5' }))).toBe('NAK');
    store.letThrough();
    await server.close();
  });

  it('knows after a restart who had what', async () => {
    const before = await serve();
    expect(await (await Client.join(before.lan, one)).boot()).toBe('10.0.0.100');
    await before.server.close();
    const after = await serve(lab, {}, before.store);
    expect(await (await Client.join(after.lan, two)).boot()).toBe('10.0.0.101');
    expect(addressOf(await (await Client.join(after.lan, one)).send('DISCOVER'))).toBe('10.0.0.100');
    expect(after.book.addressOf(one)).toBe('10.0.0.100');
    await after.server.close();
  });

  it('gives a client with a lost DISCOVER, a doubled REQUEST and a late OFFER one address', async () => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one);
    lan.fault = (_packet, number) => (['drop', 'deliver', 'late', 'duplicate'] as const)[number] ?? 'deliver';
    expect(await client.send('DISCOVER')).toBeUndefined();
    await client.send('DISCOVER');
    await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5' });
    expect(client.heard.map(addressOf)).toEqual(expect.arrayContaining(['10.0.0.100']));
    expect(new Set(client.heard.map(addressOf)).size).toBe(1);
    await server.close();
  });

  it('waits with its closing for the leases that are being written', async () => {
    const { lan, store, server } = await serve();
    const client = await Client.join(lan, one);
    await client.send('DISCOVER');
    store.held = true;
    await client.send('REQUEST', { requested: '10.0.0.100', server: '10.0.0.5' });
    let isClosed = false;
    const closing = server.close().then(() => (isClosed = true));
    await lan.settle();
    expect(isClosed).toBe(false);
    store.letThrough();
    await closing;
    expect(store.stored.get('10.0.0.100')?.mac).toBe(one);
  });

  it('leaves no timer and no channel behind when it is closed', async () => {
    const neighbours = { neighbours: () => new Map(), neighbourMac: () => undefined };
    const { lan, server, clock } = await serve(lab, { neighbours });
    expect(clock.pendingTimers).toBe(1);
    await server.close();
    expect(clock.pendingTimers).toBe(0);
    expect(await (await Client.join(lan, one)).send('DISCOVER')).toBeUndefined();
  });
});

describe('DhcpServer, who is answered', () => {
  it.each([
    { state: 'INIT-REBOOT with an address of another subnet', fields: { requested: '172.16.0.9' }, answer: 'NAK' },
    { state: 'INIT-REBOOT without a record of the client', fields: { requested: '10.0.0.102' }, answer: undefined },
    { state: 'REBINDING on another subnet', fields: { ciaddr: '172.16.0.9' }, answer: 'NAK' },
    { state: 'RENEWING an address of the pool that nobody has', fields: { ciaddr: '10.0.0.102' }, answer: 'ACK' },
    { state: 'SELECTING another server (option 54)', fields: { requested: '10.0.0.102', server: '10.0.0.66' }, answer: undefined },
    { state: 'SELECTING an address that is not of the pool', fields: { requested: '10.0.0.30', server: '10.0.0.5' }, answer: 'NAK' },
  ])('answers a stranger in $state with $answer (RFC 2131 4.3.2)', async ({ fields, answer }) => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one, fields.ciaddr);
    expect(nameOf(await client.send('REQUEST', fields))).toBe(answer);
    await server.close();
  });

  it.each([
    { state: 'an INIT-REBOOT', fields: { requested: '172.16.0.9' } },
    { state: 'a REBINDING', fields: { ciaddr: '10.0.0.102' } },
    { state: 'a foreign option 54', fields: { requested: '10.0.0.102', server: '10.0.0.66' } },
  ])('is silent to $state in mode reserved', async ({ fields }) => {
    const { lan, server, observed } = await serve({ ...lab, mode: 'reserved' });
    const client = await Client.join(lan, one);
    expect(await client.send('REQUEST', fields)).toBeUndefined();
    expect(observed.at(-1)?.kind).toMatch(/^(?:ignored|foreign)$/);
    await server.close();
  });

  it('is silent to a wrong INIT-REBOOT of a machine with a reservation in mode reserved, but gives it its own', async () => {
    const { lan, advisor, server } = await serve({ ...lab, mode: 'reserved' });
    advisor.reservations.set(one, '10.0.0.11');
    const client = await Client.join(lan, one);
    expect(await client.send('REQUEST', { requested: '10.0.0.102' })).toBeUndefined();
    expect(nameOf(await client.send('REQUEST', { requested: '10.0.0.11' }))).toBe('ACK');
    await server.close();
  });

  it.each(['proxy', 'off'] as const)('is silent in mode %s', async (mode) => {
    const { lan, advisor, server } = await serve({ ...lab, mode });
    advisor.reservations.set(one, '10.0.0.11');
    expect(await (await Client.join(lan, one)).send('DISCOVER')).toBeUndefined();
    await server.close();
  });

  it('NAKs an INIT-REBOOT for another address than the lease, and ACKs the right one', async () => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one);
    await client.boot();
    expect(nameOf(await client.send('REQUEST', { requested: '10.0.0.103' }))).toBe('NAK');
    expect(nameOf(await client.send('REQUEST', { requested: '10.0.0.100' }))).toBe('ACK');
    await server.close();
  });

  it('warns of another DHCP server once a minute', async () => {
    const { lan, server, log, clock } = await serve();
    const client = await Client.join(lan, one);
    const alarms = (): number => log.lines.filter(({ fields }) => fields['server'] === '10.0.0.66').length;
    for (let times = 0; times < 5; times++) await client.send('REQUEST', { requested: '10.0.0.9', server: '10.0.0.66' });
    expect(alarms()).toBe(1);
    clock.advance(61_000);
    await client.send('REQUEST', { requested: '10.0.0.9', server: '10.0.0.66' });
    expect(alarms()).toBe(2);
    await server.close();
  });

  it('tells the observer of each packet after the advice, so that a DISCOVER belongs to the attempt that it opens', async () => {
    const { lan, server, advisor, observed } = await serve();
    const before: number[] = [];
    advisor.advise = () => {
      before.push(observed.length);
      return { kind: 'lease', reason: 'unknown' };
    };
    await (await Client.join(lan, one)).boot();
    expect(before).toEqual([0, 2]);
    expect(observed).toEqual([
      expect.objectContaining({ direction: 'received', message: 'DISCOVER', mac: one }),
      expect.objectContaining({ direction: 'sent', message: 'OFFER', address: '10.0.0.100', bytes: 302 }),
      expect.objectContaining({ direction: 'received', message: 'REQUEST' }),
      expect.objectContaining({ direction: 'sent', message: 'ACK', address: '10.0.0.100' }),
    ]);
    await server.close();
  });

  it('tells the observer why it ignored a client', async () => {
    const { lan, server, advisor, observed } = await serve();
    advisor.decision = { kind: 'ignore', reason: 'nobody knows it' };
    expect(await (await Client.join(lan, one)).send('DISCOVER')).toBeUndefined();
    expect(observed.map(({ kind }) => kind)).toEqual(['dhcp', 'ignored']);
    expect(observed[1]).toMatchObject({ mac: one, reason: 'nobody knows it' });
    await server.close();
  });

  it('answers INFORM to the address of the client, without address and lease time (RFC 2131 4.3.5)', async () => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one, '10.0.0.40');
    const ack = await client.send('INFORM', { ciaddr: '10.0.0.40', to: '10.0.0.5' });
    expect(nameOf(ack)).toBe('ACK');
    expect(ack?.yiaddr).toBe(0);
    expect(ack?.options.has(optionCode.leaseSeconds)).toBe(false);
    expect(lan.sent.at(-1)?.to).toEqual({ address: '10.0.0.40', port: 68 });
    await server.close();
  });

  it('answers a renewal to the client alone, and everybody without an address by broadcast (RFC 2131 4.1)', async () => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one);
    await client.boot();
    expect(lan.sent.at(-1)?.to).toEqual({ address: '255.255.255.255', port: 68 });
    const renewing = await Client.join(lan, one, '10.0.0.100');
    expect(nameOf(await renewing.send('REQUEST', { ciaddr: '10.0.0.100', to: '10.0.0.5' }))).toBe('ACK');
    expect(lan.sent.at(-1)?.to).toEqual({ address: '10.0.0.100', port: 68 });
    await server.close();
  });

  it('answers a relay on its server port, and gives option 82 back as the last one (RFC 3046 2.2)', async () => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one, '10.0.0.9');
    await client.send('DISCOVER', { giaddr: '10.0.0.9', to: '10.0.0.5', options: [[82, Uint8Array.of(1, 2, 0xab, 0xcd)]] });
    const { to, bytes } = lan.sent.at(-1) ?? {};
    expect(to).toEqual({ address: '10.0.0.9', port: 67 });
    expect(Buffer.from(bytes ?? []).toString('hex')).toMatch(/52040102abcdff0*$/);
    await server.close();
  });

  it('takes a REQUEST that names nothing for one of what it was offered, as the npm package dhcp sends it', async () => {
    const { lan, server } = await serve();
    const client = await Client.join(lan, one);
    expect(await client.send('REQUEST')).toBeUndefined();
    const offer = await client.send('DISCOVER');
    expect(addressOf(await client.send('REQUEST'))).toBe(addressOf(offer));
    await server.close();
  });
});

describe('DhcpServer, bad packets', () => {
  it.each([
    { what: 'two bytes', bytes: Uint8Array.of(1, 1), reason: 'malformed: truncated' },
    { what: 'a reply', bytes: recorded('dnsmasq-offer'), reason: 'a reply on the server port' },
    { what: 'option 97 of 5 bytes (RFC 4578 2.3)', options: [[97, new Uint8Array(5)]] as const, reason: 'malformed: bad-option-length' },
    { what: 'option 53 of 2 bytes', options: [[53, Uint8Array.of(1, 1)]] as const, reason: 'malformed: bad-option-length' },
    { what: 'message type 9', options: [[53, Uint8Array.of(9)]] as const, reason: 'no DHCP request: BOOTP or an unknown message type' },
    { what: 'option 50 of 3 bytes', options: [[50, new Uint8Array(3)]] as const, reason: 'malformed: bad-option-length' },
    { what: 'a relay of no subnet of ours', giaddr: '172.16.0.1', reason: 'from no subnet of ours' },
    { what: 'a group address as chaddr', mac: '01:00:5e:00:00:01', reason: 'a hardware address that no NIC has' },
    { what: 'no chaddr', mac: '00:00:00:00:00:00', reason: 'a hardware address that no NIC has' },
  ])('drops $what with a reason and answers the next one', async ({ bytes, options = [], mac = one, giaddr, reason }) => {
    const { lan, server, log } = await serve();
    const bad = await Client.join(lan, mac);
    if (bytes === undefined) await bad.send('DISCOVER', { options, ...(giaddr === undefined ? {} : { giaddr }) });
    else await bad.sendBytes(bytes);
    expect(bad.heard).toEqual([]);
    expect(log.lines.map(({ fields }) => fields['reason'])).toContain(reason);
    expect(nameOf(await (await Client.join(lan, two)).send('DISCOVER'))).toBe('OFFER');
    await server.close();
  });

  it('writes few lines for a flood of bad packets', async () => {
    const { lan, server, log } = await serve();
    const bad = await Client.join(lan, one);
    for (let times = 0; times < 200; times++) await bad.sendBytes(Uint8Array.of(1));
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(10);
    await server.close();
  });

  it('survives an advisor that throws', async () => {
    const { lan, server, advisor, log } = await serve();
    advisor.advise = () => {
      throw new TypeError('a fault');
    };
    expect(await (await Client.join(lan, one)).send('DISCOVER')).toBeUndefined();
    expect(log.lines.at(-1)?.fields).toMatchObject({ reason: 'a fault of ours', error: 'a fault' });
    await server.close();
  });

  it('rejects start when the store cannot be read, with nothing left open', async () => {
    const store = new HeldStore();
    store.load = () => Promise.reject(new Error('no such table'));
    await expect(serve(lab, {}, store)).rejects.toThrow('no such table');
  });
});
