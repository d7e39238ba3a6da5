import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { silentLog } from '../../src/log.ts';
import { ipv4Number } from '../../src/model/ipv4.ts';
import type { Mac } from '../../src/model/mac.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { PostgresServer } from '../contract/postgres-server.ts';
import { lab, ScriptedAdvisor } from './lan-fixture.ts';

const subnet: Subnet = { ...lab, pool: { first: '10.0.0.50', last: '10.0.0.249' } };

interface Server {
  readonly store: Store;
  readonly book: LeaseBook;
}

describe('two LeaseBooks on one PostgreSQL', { timeout: 30_000 }, () => {
  const rights = new ScriptedAdvisor();
  let postgres: PostgresServer;
  let database: string;
  let a: Server;
  let b: Server;

  async function open(serverId: string): Promise<Server> {
    const store = await openStore({ database, serverId, log: silentLog });
    const book = new LeaseBook({ store: store.leases, subnets: [subnet], clock: systemClock, log: silentLog, serverId });
    await book.load();
    return { store, book };
  }

  /** DISCOVER and REQUEST until it has an address, as a client that gets a NAK does. */
  async function boot({ book }: Server, mac: Mac): Promise<string> {
    for (;;) {
      const offer = book.offer(mac, subnet, undefined, rights);
      if (offer.kind === 'none') return offer.reason;
      if (book.claim(mac, subnet, offer.address, 'selecting', rights).kind !== 'grant') continue;
      const granted = await book.grant(mac, subnet, offer.address);
      if (granted.kind === 'granted') return granted.lease.address;
    }
  }

  beforeAll(async () => {
    postgres = await PostgresServer.start();
  }, 60_000);

  afterAll(() => postgres.close());

  beforeEach(async () => {
    database = postgres.createDatabase();
    // Both begin at one place of the pool, by the hashes of their names: the worst case.
    [a, b] = [await open('boot62'), await open('boot115')];
  });

  afterEach(async () => {
    for (const { store, book } of [a, b]) {
      await book.idle();
      await store.close();
    }
  });

  it('give 200 clients 200 addresses, all of them in the database, and the next one none', async () => {
    const macs = Array.from({ length: 200 }, (_, number) => `52:54:00:00:01:${number.toString(16).padStart(2, '0')}`);
    const addresses = await Promise.all(macs.map((mac, number) => boot(number % 2 === 0 ? a : b, mac)));
    expect(new Set(addresses).size).toBe(200);
    const stored = new Map((await a.store.leases.load()).map(({ address, mac }) => [address, mac]));
    expect(addresses.map((address) => stored.get(address))).toEqual(macs);
    await vi.waitUntil(() => b.book.list().length === 200 && a.book.list().length === 200);
    expect(await boot(b, '52:54:00:00:02:01')).toBe('no free address in the pool');
  });

  it('hear of each other: a lease is renewed by the other one, and its end frees the address there too', async () => {
    const mac = '52:54:00:00:01:01';
    const address = await boot(a, mac);
    await vi.waitUntil(() => b.book.leaseOf(address) !== undefined);
    expect(b.book.claim(mac, subnet, ipv4Number(address), 'renewing', rights).kind).toBe('grant');
    const renewed = await b.book.grant(mac, subnet, ipv4Number(address));
    await vi.waitUntil(() => renewed.kind === 'granted' && a.book.leaseOf(address)?.grantedMs === renewed.lease.grantedMs);
    expect(b.book.release(mac, ipv4Number(address))).toBe(true);
    await vi.waitUntil(() => a.book.leaseOf(address) === undefined);
    expect(a.book.claim('52:54:00:00:01:02', subnet, ipv4Number(address), 'selecting', rights).kind).toBe('grant');
  });

  it('know all leases again after the news were cut off', async () => {
    const listeners = "from pg_stat_activity where query ilike 'listen%' or query = 'select 1'";
    postgres.sql(`select pg_terminate_backend(pid) ${listeners}`, database);
    const addresses = await Promise.all(['01', '02', '03'].map((last) => boot(a, `52:54:00:00:01:${last}`)));
    await vi.waitUntil(() => b.book.list().length === 3, { timeout: 10_000 });
    expect(b.book.list().map(({ address }) => address)).toEqual(addresses.toSorted());
  });

  it('one that starts later gives no leased address away, and renews the leases of the others', async () => {
    const mac = '52:54:00:00:01:01';
    const address = await boot(a, mac);
    const late = await open('boot3');
    expect(late.book.claim('52:54:00:00:01:02', subnet, ipv4Number(address), 'selecting', rights).kind).toBe('refuse');
    expect(late.book.offer(mac, subnet, undefined, rights)).toMatchObject({ address: ipv4Number(address) });
    expect(await late.book.grant(mac, subnet, ipv4Number(address))).toMatchObject({ kind: 'granted' });
    await late.store.close();
  });
});
