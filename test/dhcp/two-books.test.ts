import { beforeEach, describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import { CapturedLog, silentLog } from '../../src/log.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { Mac } from '../../src/model/mac.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { MemoryLan } from '../../src/net/memory-lan.ts';
import { addressOf, Client, HeldStore, lab, nameOf, ScriptedAdvisor, SharedLeases } from './lan-fixture.ts';

const one = '52:54:00:00:00:01';
const two = '52:54:00:00:00:02';
const minute = 60_000;
const wide: Subnet = { ...lab, pool: { first: '10.0.0.100', last: '10.0.0.199' } };

let clock: HeldClock;
let shared: SharedLeases;
let rights: ScriptedAdvisor;
let log: CapturedLog;

interface Book {
  readonly store: HeldStore;
  readonly book: LeaseBook;
}

async function open(serverId: string, subnet: Subnet = lab): Promise<Book> {
  const store = new HeldStore(shared);
  const book = new LeaseBook({ store, subnets: [subnet], clock, log, serverId });
  await book.load();
  return { store, book };
}

function offer({ book }: Book, mac: Mac, subnet: Subnet = lab): string {
  const result = book.offer(mac, subnet, undefined, rights);
  return result.kind === 'address' ? formatIpv4(result.address) : result.reason;
}

async function bind({ book }: Book, mac: Mac, address: Ipv4): Promise<string> {
  return (await book.grant(mac, lab, ipv4Number(address))).kind;
}

function claim({ book }: Book, mac: Mac, address: Ipv4): string {
  return book.claim(mac, lab, ipv4Number(address), 'renewing', rights).kind;
}

beforeEach(() => {
  clock = new HeldClock();
  shared = new SharedLeases();
  rights = new ScriptedAdvisor();
  log = new CapturedLog();
});

describe('two LeaseBooks on one store', () => {
  it('give an address to the first of two clients, and the second book knows then whose it is', async () => {
    const [a, b] = [await open('a'), await open('b')];
    shared.heldNews = true;
    expect(await bind(a, one, '10.0.0.100')).toBe('granted');
    expect(claim(b, two, '10.0.0.100'), 'b has not heard of it').toBe('grant');
    expect(await bind(b, two, '10.0.0.100')).toBe('taken');
    expect(b.book.leaseOf('10.0.0.100')?.mac).toBe(one);
    expect(b.book.addressOf(two)).toBeUndefined();
    expect(claim(b, two, '10.0.0.100')).toBe('refuse');
    expect(shared.stored.get('10.0.0.100')?.mac).toBe(one);
  });

  it('leave a lease that ran out here and was renewed there to its client', async () => {
    const [a, b] = [await open('a'), await open('b')];
    await bind(a, one, '10.0.0.100');
    clock.advance(50 * minute);
    shared.heldNews = true;
    await bind(a, one, '10.0.0.100');
    clock.advance(20 * minute);
    expect(claim(b, two, '10.0.0.100')).toBe('grant');
    expect(await bind(b, two, '10.0.0.100')).toBe('taken');
    expect(b.book.leaseOf('10.0.0.100')).toEqual(shared.stored.get('10.0.0.100'));
  });

  it('give a lease that ran out to another client, whichever of them granted it', async () => {
    const [a, b] = [await open('a'), await open('b')];
    await bind(a, one, '10.0.0.100');
    clock.advance(70 * minute);
    expect(await bind(b, two, '10.0.0.100')).toBe('granted');
    expect(a.book.leaseOf('10.0.0.100')?.mac).toBe(two);
    expect(a.book.addressOf(one)).toBeUndefined();
  });

  it('renew the lease of the other one (RFC 2131 4.3.2, REBINDING)', async () => {
    const [a, b] = [await open('a'), await open('b')];
    await bind(a, one, '10.0.0.100');
    clock.advance(50 * minute);
    expect(claim(b, one, '10.0.0.100')).toBe('grant');
    expect(await bind(b, one, '10.0.0.100')).toBe('granted');
    clock.advance(50 * minute);
    expect(claim(a, two, '10.0.0.100'), 'the first one knows of it').toBe('refuse');
  });

  it('renew also a lease that the other one renewed a moment ago, by a clock that is ahead', async () => {
    const [a, b] = [await open('a'), await open('b')];
    shared.heldNews = true;
    const grantedMs = clock.now() + 5000;
    const ahead = { address: '10.0.0.100', subnet: 'lab', mac: one, state: 'bound', grantedMs, expiresMs: clock.now() + minute } as const;
    await a.store.commit([{ lease: ahead }]);
    expect(await bind(b, one, '10.0.0.100')).toBe('granted');
    expect(shared.stored.get('10.0.0.100')).toMatchObject({ mac: one, expiresMs: clock.now() + 60 * minute });
  });

  it('do not offer what the other one gave away meanwhile, to nobody', async () => {
    const [a, b] = [await open('a'), await open('b')];
    const offered = offer(b, one);
    await bind(a, two, offered);
    expect(b.book.offeredAddress(one, lab)).toBeUndefined();
    expect(offer(b, one)).not.toBe(offered);
  });

  it('free an offer when its client got an address of the other one', async () => {
    const tiny: Subnet = { ...lab, pool: { first: '10.0.0.100', last: '10.0.0.101' } };
    const [a, b] = [await open('a', tiny), await open('b', tiny)];
    const offered = offer(b, one, tiny);
    const other = offered === '10.0.0.100' ? '10.0.0.101' : '10.0.0.100';
    await bind(a, one, other);
    expect(b.book.offeredAddress(one, tiny)).toBeUndefined();
    expect(offer(b, two, tiny)).toBe(offered);
  });

  it('do not end a lease by a RELEASE that is written after the client got it again of the other one', async () => {
    const [a, b] = [await open('a'), await open('b')];
    await bind(a, one, '10.0.0.100');
    a.store.held = true;
    clock.advance(1000);
    expect(a.book.release(one, ipv4Number('10.0.0.100'))).toBe(true);
    clock.advance(1000);
    expect(await bind(b, one, '10.0.0.100')).toBe('granted');
    a.store.letThrough();
    await a.book.idle();
    expect(shared.stored.get('10.0.0.100')?.state).toBe('bound');
    expect(a.book.leaseOf('10.0.0.100')?.mac).toBe(one);
  });

  it('read the leases again when news were lost, but believe no old reading of what was written meanwhile', async () => {
    const [a, b] = [await open('a'), await open('b')];
    shared.heldNews = true;
    await bind(a, one, '10.0.0.100');
    const early = [...shared.stored.values()];
    const stale = early.map((lease) => ({ ...lease, address: '10.0.0.101' }));
    b.store.load = () => bind(b, two, '10.0.0.101').then(() => [...early, ...stale]);
    shared.lose();
    await new Promise((resolve) => setImmediate(resolve));
    expect(b.book.leaseOf('10.0.0.100')?.mac).toBe(one);
    expect(b.book.leaseOf('10.0.0.101')?.mac).toBe(two);
  });

  it('try again to read the leases where that failed', async () => {
    const [a, b] = [await open('a'), await open('b')];
    shared.heldNews = true;
    await bind(a, one, '10.0.0.100');
    b.store.load = () => Promise.reject(new Error('no connection'));
    shared.lose();
    await new Promise((resolve) => setImmediate(resolve));
    expect(log.lines.at(-1)).toMatchObject({ level: 'error', fields: { err: { message: 'no connection' } } });
    b.store.load = () => Promise.resolve([...shared.stored.values()]);
    clock.advance(5000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(b.book.leaseOf('10.0.0.100')?.mac).toBe(one);
  });

  it('take news that come while the leases are first read', async () => {
    const a = await open('a');
    const store = new HeldStore(shared);
    store.load = () => bind(a, one, '10.0.0.100').then(() => []);
    const book = new LeaseBook({ store, subnets: [lab], clock, log, serverId: 'b' });
    await book.load();
    expect(book.leaseOf('10.0.0.100')?.mac).toBe(one);
  });

  it('begin at different places, use their own half first, and all of it in the end', async () => {
    const [a, b] = [await open('a', wide), await open('b', wide)];
    const offers = (server: Book, from: number): readonly number[] =>
      Array.from({ length: 50 }, (_, number) => lastByte(offer(server, client(from + number), wide)));
    const [ofA, ofB] = [offers(a, 0), offers(b, 0)];
    expect(ofA[0]).not.toBe(ofB[0]);
    for (const addresses of [ofA, ofB]) expect(new Set(addresses.map((address, at) => (address - at + 300) % 100)).size).toBe(1);
    expect(new Set([...ofA, ...offers(a, 50)]).size).toBe(100);
    expect(offer(a, one, wide)).toBe('no free address in the pool');
  });

  it('go on elsewhere when they meet at one place of the pool', async () => {
    const [a, b] = [await open('same', wide), await open('same', wide)];
    shared.heldNews = true;
    const next = offer(a, one, wide);
    expect(offer(b, two, wide)).toBe(next);
    await bind(a, one, next);
    expect(await bind(b, two, next)).toBe('taken');
    expect(Math.abs(lastByte(offer(a, client(3), wide)) - lastByte(offer(b, two, wide)))).toBeGreaterThan(20);
  });
});

function lastByte(address: string): number {
  return Number(address.split('.')[3]);
}

function client(number: number): Mac {
  return `52:54:00:00:01:${number.toString(16).padStart(2, '0')}`;
}

interface Server extends Book {
  readonly address: Ipv4;
  readonly server: DhcpServer;
}

async function serve(lan: MemoryLan, address: Ipv4, rivalWatchMs?: number): Promise<Server> {
  const subnet = { ...lab, serverAddress: address };
  const store = new HeldStore(shared);
  const book = new LeaseBook({ store, subnets: [subnet], clock, log: silentLog, serverId: address });
  const network = lan.host(address);
  const watch = rivalWatchMs === undefined ? {} : { rivalWatchMs };
  const server = new DhcpServer({ subnets: [subnet], advisor: rights, book, network, observer: { observe() {} }, clock, log, ...watch });
  await server.start();
  return { address, store, book, server };
}

/** Servers that were warned of. */
function strangers(): readonly unknown[] {
  return log.lines.flatMap(({ level, fields }) => (level === 'warn' ? [fields['server']] : []));
}

describe('two DhcpServers on one LAN', () => {
  it('the one whose offer was not taken has it free again at once (RFC 2131 4.3.2)', async () => {
    const lan = new MemoryLan();
    const [near, far] = [await serve(lan, '10.0.0.5'), await serve(lan, '10.0.0.6')];
    const joined = await Client.join(lan, one);
    await joined.send('DISCOVER');
    expect(joined.heard.map(nameOf)).toEqual(['OFFER', 'OFFER']);
    const offered = near.book.offeredAddress(one, lab) ?? 0;
    shared.heldNews = true;
    await joined.send('REQUEST', { requested: formatIpv4(offered), server: '10.0.0.5' });
    expect(nameOf(joined.heard.at(-1))).toBe('ACK');
    expect([near, far].map(({ book }) => book.offeredAddress(one, lab))).toEqual([undefined, undefined]);
    for (const { server } of [near, far]) await server.close();
  });

  it('a client that loses the race for an address gets a NAK, and another address after it', async () => {
    const lan = new MemoryLan();
    const [near, far] = [await serve(lan, '10.0.0.5'), await serve(lan, '10.0.0.6')];
    const [first, second] = [await Client.join(lan, one), await Client.join(lan, two)];
    shared.heldNews = true;
    const offered = addressOf(await first.send('DISCOVER')) ?? '';
    await first.send('REQUEST', { requested: offered, server: '10.0.0.5' });
    expect(nameOf(await second.send('REQUEST', { requested: offered, server: far.address }))).toBe('NAK');
    shared.tell();
    await second.send('DISCOVER');
    const free = far.book.offeredAddress(two, lab) ?? 0;
    const ack = await second.send('REQUEST', { requested: formatIpv4(free), server: far.address });
    expect([nameOf(ack), addressOf(ack) === offered]).toEqual(['ACK', false]);
    for (const { server } of [near, far]) await server.close();
  });

  it('a client whose server died keeps its lease by broadcast (REBINDING)', async () => {
    const lan = new MemoryLan();
    const [near, far] = [await serve(lan, '10.0.0.5'), await serve(lan, '10.0.0.6')];
    const joined = await Client.join(lan, one);
    const address = (await joined.boot()) ?? '';
    await near.server.close();
    clock.advance(50 * minute);
    const bound = await Client.join(lan, one, address);
    expect(await bound.send('REQUEST', { ciaddr: address, to: '10.0.0.5' }), 'to the dead one').toBeUndefined();
    const ack = await bound.send('REQUEST', { ciaddr: address });
    expect([nameOf(ack), addressOf(ack)]).toEqual(['ACK', address]);
    expect(shared.stored.get(address)?.expiresMs).toBe(clock.now() + 60 * minute);
    await far.server.close();
  });

  it('take each other for no strangers, once a client took an address of the other one', async () => {
    const lan = new MemoryLan();
    const [near, far] = [await serve(lan, '10.0.0.5'), await serve(lan, '10.0.0.6')];
    const joined = await Client.join(lan, one);
    await joined.boot();
    clock.advance(3000);
    await joined.send('REQUEST', { requested: '10.0.0.101', server: '10.0.0.66' });
    clock.advance(2999);
    expect(strangers()).toEqual([]);
    clock.advance(1);
    expect(strangers(), 'both say so').toEqual(['10.0.0.66', '10.0.0.66']);
    await joined.boot();
    clock.advance(60_000);
    expect(strangers()).toHaveLength(2);
    for (const { server } of [near, far]) await server.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('do not take each other for rivals either', async () => {
    const lan = new MemoryLan();
    const [near, far] = [await serve(lan, '10.0.0.5'), await serve(lan, '10.0.0.6', 10 * minute)];
    await (await Client.join(lan, one)).boot();
    clock.advance(5000);
    await lan.settle();
    expect(lan.sent.filter(({ to }) => to.port === 67).length).toBeGreaterThan(2);
    expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    for (const { server } of [near, far]) await server.close();
  });
});
