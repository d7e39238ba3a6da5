import { beforeEach, describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { silentLog } from '../../src/log.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { Mac } from '../../src/model/mac.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { addressOf, Client, HeldStore, lab, ScriptedAdvisor, serve } from './lan-fixture.ts';

const one = '52:54:00:00:00:01';
const two = '52:54:00:00:00:02';
const three = '52:54:00:00:00:03';
const second = 1000;
const minute = 60 * second;
/** Its addresses are 10.0.0.100 to 10.0.0.119. */
const wide: Subnet = { ...lab, pool: { first: '10.0.0.100', last: '10.0.0.119' } };

let clock: HeldClock;
let store: HeldStore;
let rights: ScriptedAdvisor;
let book: LeaseBook;
let subnet: Subnet;

async function begin(wanted: Subnet = lab): Promise<void> {
  subnet = wanted;
  book = new LeaseBook({ store, subnets: [subnet], clock, log: silentLog });
  await book.load();
}

function offer(mac: Mac): string {
  const result = book.offer(mac, subnet, undefined, rights);
  return result.kind === 'address' ? formatIpv4(result.address) : result.reason;
}

async function bind(mac: Mac, address = offer(mac)): Promise<Ipv4> {
  await book.grant(mac, subnet, ipv4Number(address));
  return address;
}

/** DISCOVER, then DECLINE of what was offered. */
function declineOffer(mac: Mac): string {
  const address = offer(mac);
  expect(book.decline(mac, subnet, ipv4Number(address))).toBe(true);
  clock.advance(1);
  return address;
}

beforeEach(async () => {
  clock = new HeldClock();
  store = new HeldStore();
  rights = new ScriptedAdvisor();
  await begin();
});

describe('a DECLINE', () => {
  const leased = (): Promise<unknown> => bind(one, '10.0.0.100');
  const offered = (): Promise<unknown> => Promise.resolve(offer(one));

  it.each([
    { name: 'its leaseholder', mac: one, before: leased, believed: true },
    { name: 'whom it is offered to', mac: one, before: offered, believed: true },
    { name: 'another client while it is leased', mac: two, before: leased, believed: false },
    { name: 'another client while it is offered', mac: two, before: offered, believed: false },
    { name: 'a client with a lease of another address', mac: two, before: () => leased().then(() => bind(two)), believed: false },
    {
      name: 'who gave it back',
      mac: one,
      before: () => leased().then(() => book.release(one, ipv4Number('10.0.0.100'))),
      believed: false,
    },
    { name: 'who declined it before', mac: one, before: () => Promise.resolve(declineOffer(one)), believed: false },
    { name: 'nobody that we know', mac: two, before: () => Promise.resolve(), believed: false },
  ])('of 10.0.0.100 by $name is believed: $believed', async ({ mac, before, believed }) => {
    await before();
    expect(book.decline(mac, lab, ipv4Number('10.0.0.100'))).toBe(believed);
  });
});

describe('a reserved address that was declined', () => {
  it.each([
    { name: 'of the pool', address: '10.0.0.101' },
    { name: 'outside of the pool', address: '10.0.0.11' },
  ])('is offered to its own machine again after ten seconds, and to nobody else: $name', async ({ address }) => {
    rights.reservations.set(one, address);
    await bind(one);
    expect(book.decline(one, lab, ipv4Number(address))).toBe(true);
    clock.advance(10 * second - 1);
    expect(offer(one)).toBe('the reserved address was declined: another host answers on it');
    expect(book.claim(one, lab, ipv4Number(address), 'init-reboot', rights).kind).toBe('refuse');
    clock.advance(1);
    expect([two, three].map(offer)).not.toContain(address);
    expect(offer(one)).toBe(address);
    expect(book.claim(one, lab, ipv4Number(address), 'selecting', rights).kind).toBe('grant');
    await bind(one);
    expect(book.leaseOf(address)?.mac).toBe(one);
  });

  it('is offered to its machine after ten seconds where a client of the pool declined it before it was reserved', () => {
    expect(declineOffer(two)).toBe('10.0.0.100');
    rights.reservations.set(one, '10.0.0.100');
    expect(offer(one)).toMatch(/^the reserved address was declined/);
    clock.advance(10 * second);
    expect(offer(one)).toBe('10.0.0.100');
  });

  it('does not wait for a wall clock that was set back', async () => {
    rights.reservations.set(one, '10.0.0.11');
    const grantedMs = clock.now() + 60 * minute;
    store.stored.set('10.0.0.11', {
      address: '10.0.0.11',
      subnet: 'lab',
      mac: one,
      state: 'declined',
      grantedMs,
      expiresMs: grantedMs + 10 * minute,
    });
    await begin();
    expect(offer(one)).toBe('10.0.0.11');
  });
});

describe('the declined addresses of a pool', () => {
  it('are given again, the oldest first, once nothing else is free, but never one that is in use, offered or reserved', () => {
    const declined = [one, two, three, one].map(declineOffer);
    expect(declined).toEqual(['10.0.0.100', '10.0.0.101', '10.0.0.102', '10.0.0.103']);
    rights.live.add('10.0.0.100');
    rights.reservations.set('52:54:00:00:00:77', '10.0.0.102');
    expect([offer(two), offer(three), offer(two), offer('52:54:00:00:00:04')]).toEqual([
      '10.0.0.101',
      '10.0.0.103',
      '10.0.0.101',
      'no free address in the pool',
    ]);
    expect(book.claim(two, lab, ipv4Number('10.0.0.101'), 'selecting', rights).kind).toBe('grant');
  });

  it('stay out for ten minutes while others are free, after a restart too', async () => {
    expect(declineOffer(one)).toBe('10.0.0.100');
    await book.idle();
    await begin();
    clock.advance(9 * minute);
    const others = [await bind(two), await bind(three), await bind('52:54:00:00:00:04')];
    expect(others).toEqual(['10.0.0.101', '10.0.0.102', '10.0.0.103']);
    clock.advance(minute);
    expect(offer(one)).toBe('10.0.0.100');
  });

  it('are the last eight of one client, however many it declines', async () => {
    await begin(wide);
    expect(declineOffer(two)).toBe('10.0.0.100');
    const declined = Array.from({ length: 12 }, () => declineOffer(one));
    expect(new Set(declined).size).toBe(12);
    const others = Array.from({ length: 11 }, (_, number) => offer(`52:54:00:00:01:${number + 10}`));
    const unused = Array.from({ length: 7 }, (_, number) => `10.0.0.${113 + number}`);
    expect(others.toSorted()).toEqual([...declined.slice(0, 4), ...unused]);
    expect(offer(three), 'the oldest of all, now that there is no other').toBe('10.0.0.100');
  });

  it('leave addresses for others whatever made-up clients decline', async () => {
    for (let number = 10; number < 99; number++) declineOffer(`52:54:00:00:01:${number}`);
    expect(await Promise.all([bind(one), bind(two), bind(three)])).toHaveLength(3);
    expect([one, two, three].map((mac) => book.addressOf(mac) !== undefined)).toEqual([true, true, true]);
  });
});

describe('DhcpServer', () => {
  it('names machine and address when a reserved address is declined, and gives it to the machine ten seconds later', async () => {
    const { lan, log, advisor, clock: time, server } = await serve();
    advisor.reservations.set(one, '10.0.0.11');
    const client = await Client.join(lan, one);
    expect(await client.boot()).toBe('10.0.0.11');
    await client.send('DECLINE', { requested: '10.0.0.11', server: '10.0.0.5' });
    expect(log.lines.at(-1)).toMatchObject({
      level: 'warn',
      fields: { mac: one, address: '10.0.0.11', reason: expect.stringMatching(/^another host answers .* reserved for this machine/) },
      message: 'DECLINE',
    });
    expect(await client.boot()).toBeUndefined();
    time.advance(10_000);
    expect(await client.boot()).toBe('10.0.0.11');
    await server.close();
  });

  it.each(['DECLINE', 'RELEASE'] as const)('writes ten lines for a flood of %s', async (name) => {
    const { lan, log, clock: time, server } = await serve();
    const client = await Client.join(lan, one);
    for (let count = 0; count < 50; count++) {
      const address = (await client.boot()) ?? '';
      if (name === 'RELEASE') await client.send(name, { ciaddr: address, server: '10.0.0.5' });
      else await client.send(name, { requested: address, server: '10.0.0.5' });
    }
    expect(log.lines.filter(({ message }) => message === name)).toHaveLength(10);
    expect(addressOf(await client.send('DISCOVER'))).toBeDefined();
    await server.close();
    expect(log.lines.at(-1)).toMatchObject({ fields: { count: 40 }, message: 'dropped more, not shown' });
    expect(time.pendingTimers).toBe(0);
  });
});
