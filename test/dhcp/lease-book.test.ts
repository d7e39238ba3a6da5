import { beforeEach, describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { silentLog } from '../../src/log.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { Mac } from '../../src/model/mac.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { HeldStore, lab, ScriptedAdvisor } from './lan-fixture.ts';

const one = '52:54:00:00:00:01';
const two = '52:54:00:00:00:02';
const minute = 60_000;

let clock: HeldClock;
let store: HeldStore;
let rights: ScriptedAdvisor;
let book: LeaseBook;

function begin(subnet: Subnet = lab): void {
  book = new LeaseBook({ store, subnets: [subnet], clock, log: silentLog });
}

function offer(mac: Mac, wanted?: Ipv4, subnet: Subnet = lab): string {
  const result = book.offer(mac, subnet, wanted === undefined ? undefined : ipv4Number(wanted), rights);
  return result.kind === 'address' ? formatIpv4(result.address) : result.reason;
}

async function bind(mac: Mac, address: Ipv4): Promise<void> {
  await book.grant(mac, lab, ipv4Number(address));
}

function claim(mac: Mac, address: Ipv4, state: 'selecting' | 'init-reboot' | 'renewing', subnet: Subnet = lab): string {
  return book.claim(mac, subnet, ipv4Number(address), state, rights).kind;
}

beforeEach(() => {
  clock = new HeldClock();
  store = new HeldStore();
  rights = new ScriptedAdvisor();
  begin();
});

describe('LeaseBook.offer', () => {
  it('offers each client another address, and the same client the same again', () => {
    expect([offer(one), offer(two), offer(one)]).toEqual(['10.0.0.100', '10.0.0.101', '10.0.0.100']);
  });

  it('offers what the client wishes where it is free (RFC 2131 4.3.1)', () => {
    expect(offer(one, '10.0.0.102')).toBe('10.0.0.102');
    expect(offer(two, '10.0.0.102')).toBe('10.0.0.100');
    expect(offer('52:54:00:00:00:03', '10.0.0.30')).toBe('10.0.0.101');
  });

  it('says that a pool is used up, and finds the address that a client gave back', async () => {
    for (const last of ['01', '02', '03', '04']) await bind(`52:54:00:00:01:${last}`, offer(`52:54:00:00:01:${last}`));
    expect(offer(one)).toBe('no free address in the pool');
    expect(book.release('52:54:00:00:01:02', ipv4Number('10.0.0.101'))).toBe(true);
    expect(offer(one)).toBe('10.0.0.101');
  });

  it('gives an address that ran out to another client, but only when there is no other, and the oldest one', async () => {
    for (const last of ['01', '02', '03']) {
      await bind(`52:54:00:00:01:${last}`, offer(`52:54:00:00:01:${last}`));
      clock.advance(minute);
    }
    clock.advance(61 * minute);
    expect(offer(one)).toBe('10.0.0.103');
    expect(offer(two)).toBe('10.0.0.100');
  });

  it('gives a client that comes back late its old address', async () => {
    await bind(one, offer(one));
    clock.advance(300 * minute);
    expect(offer(two)).toBe('10.0.0.101');
    expect(offer(one)).toBe('10.0.0.100');
  });

  it('gives nobody the expired address of another client because he wishes it', async () => {
    await bind(one, offer(one));
    clock.advance(120 * minute);
    expect(offer(two, '10.0.0.100')).toBe('10.0.0.101');
  });

  it('looks again, every five seconds, at addresses that it could not give, once there are no others', () => {
    for (const last of [100, 101, 102, 103]) rights.live.add(`10.0.0.${last}`);
    expect(offer(one)).toBe('no free address in the pool');
    rights.live.delete('10.0.0.102');
    clock.advance(4000);
    expect(offer(one)).toBe('no free address in the pool');
    clock.advance(1000);
    expect(offer(one)).toBe('10.0.0.102');
  });

  it('frees an offer that nobody took after a minute', () => {
    for (const last of ['01', '02', '03', '04']) offer(`52:54:00:00:01:${last}`);
    expect(offer(one)).toBe('no free address in the pool');
    clock.advance(minute);
    expect(offer(one)).toBe('10.0.0.100');
  });

  it('never offers an address that is live, whatever its lease says', async () => {
    await bind(one, offer(one));
    clock.advance(120 * minute);
    rights.live.add('10.0.0.100').add('10.0.0.101');
    expect([offer(two), offer('52:54:00:00:00:03')]).toEqual(['10.0.0.102', '10.0.0.103']);
    expect(offer('52:54:00:00:00:04')).toBe('no free address in the pool');
    expect(offer(one), 'its own').toBe('10.0.0.100');
  });

  it('never offers a reserved address of the pool to another client', () => {
    rights.reservations.set(two, '10.0.0.100');
    expect(offer(one)).toBe('10.0.0.101');
    expect(offer(one, '10.0.0.100')).toBe('10.0.0.101');
    expect(offer(two)).toBe('10.0.0.100');
  });

  it('offers a reserved address over the stale lease of another client', async () => {
    await bind(one, offer(one));
    rights.reservations.set(two, '10.0.0.100');
    expect(offer(two)).toBe('10.0.0.100');
    expect(claim(one, '10.0.0.100', 'renewing')).toBe('refuse');
  });

  it('offers a client another address when its own was reserved for a machine, and the same one each time', async () => {
    await bind(one, offer(one));
    rights.reservations.set(two, '10.0.0.100');
    expect([offer(one), offer(one), offer(one)]).toEqual(['10.0.0.101', '10.0.0.101', '10.0.0.101']);
  });

  it('does not offer a reserved address that another machine uses now', async () => {
    await bind(one, offer(one));
    rights.reservations.set(two, '10.0.0.100');
    rights.live.add('10.0.0.100');
    expect(offer(two)).toBe('the reserved address is in live use by another machine');
    expect(claim(one, '10.0.0.100', 'renewing')).toBe('grant');
  });

  it('offers nothing without a reservation where there are only reservations', () => {
    expect(offer(one, undefined, { ...lab, mode: 'reserved' })).toBe('no reservation on a subnet that has only reservations');
  });

  it('never offers the address of the server, the router, the network or broadcast', () => {
    const small: Subnet = {
      ...lab,
      cidr: { network: ipv4Number('10.0.0.0'), prefixLength: 29 },
      pool: { first: '10.0.0.0', last: '10.0.0.7' },
    };
    begin(small);
    const offers = ['01', '02', '03', '04', '05'].map((last) => offer(`52:54:00:00:01:${last}`, undefined, small));
    expect(offers).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.6', 'no free address in the pool']);
  });
});

describe('LeaseBook.claim', () => {
  it('keeps a live machine on its address when its reservation was changed, until it boots again', async () => {
    await bind(one, '10.0.0.100');
    rights.reservations.set(one, '10.0.0.11');
    expect(claim(one, '10.0.0.100', 'renewing')).toBe('refuse');
    rights.live.add('10.0.0.100');
    expect(claim(one, '10.0.0.100', 'renewing')).toBe('grant');
    expect(claim(one, '10.0.0.100', 'init-reboot')).toBe('refuse');
    expect(offer(one)).toBe('10.0.0.11');
  });

  it('lets a client renew a lease that ran out, as long as nobody else has it', async () => {
    await bind(one, '10.0.0.100');
    clock.advance(120 * minute);
    expect(claim(one, '10.0.0.100', 'renewing')).toBe('grant');
    await bind(two, '10.0.0.100');
    expect(claim(one, '10.0.0.100', 'renewing')).toBe('refuse');
    expect(book.addressOf(one)).toBeUndefined();
  });

  it('refuses what another client was offered', () => {
    offer(one);
    expect(claim(two, '10.0.0.100', 'selecting')).toBe('refuse');
  });

  it('keeps silent to an INIT-REBOOT of a client without a record (RFC 2131 4.3.2)', () => {
    expect(claim(one, '10.0.0.102', 'init-reboot')).toBe('unknown');
  });
});

describe('LeaseBook.grant', () => {
  it('writes the lease that a client leaves together with the one that it gets', async () => {
    await bind(one, '10.0.0.100');
    await bind(one, '10.0.0.102');
    expect(store.batches.at(-1)?.map(({ address, state }) => [address, state])).toEqual([
      ['10.0.0.102', 'bound'],
      ['10.0.0.100', 'released'],
    ]);
    expect(book.addressOf(one)).toBe('10.0.0.102');
    expect(book.leaseOf('10.0.0.100')).toBeUndefined();
  });

  it('has changed nothing when the store fails', async () => {
    await bind(one, '10.0.0.100');
    store.held = true;
    const granting = bind(one, '10.0.0.102');
    await Promise.resolve().then(() => Promise.resolve());
    store.fail();
    await expect(granting).rejects.toThrow('disk full');
    expect(book.addressOf(one)).toBe('10.0.0.100');
    expect(book.leaseOf('10.0.0.102')).toBeUndefined();
    expect(claim(two, '10.0.0.102', 'selecting'), 'held for the repeat').toBe('refuse');
  });
});

describe('LeaseBook.release and decline', () => {
  it('lets nobody release the lease of another client', async () => {
    await bind(one, '10.0.0.100');
    expect(book.release(two, ipv4Number('10.0.0.100'))).toBe(false);
    expect(book.leaseOf('10.0.0.100')?.mac).toBe(one);
  });

  it('leaves a declined address alone for ten minutes', async () => {
    offer(one);
    expect(book.decline(two, lab, ipv4Number('10.0.0.100'))).toBe(false);
    expect(book.decline(one, lab, ipv4Number('10.0.0.100'))).toBe(true);
    expect(claim(one, '10.0.0.100', 'selecting')).toBe('refuse');
    expect([offer(one, '10.0.0.100'), offer(one)]).toEqual(['10.0.0.101', '10.0.0.101']);
    clock.advance(10 * minute);
    expect(offer(one, '10.0.0.100')).toBe('10.0.0.100');
    await book.idle();
    expect(store.stored.get('10.0.0.100')?.state).toBe('declined');
  });
});

describe('LeaseBook.load', () => {
  it('takes the newer of two leases of one address and of one client', async () => {
    const lease = { subnet: 'lab', state: 'bound', expiresMs: clock.now() + minute } as const;
    store.stored.set('a', { ...lease, address: '10.0.0.100', mac: two, grantedMs: 2 });
    store.stored.set('b', { ...lease, address: '10.0.0.100', mac: one, grantedMs: 1 });
    store.stored.set('c', { ...lease, address: '10.0.0.102', mac: one, grantedMs: 0 });
    await book.load();
    expect(book.leaseOf('10.0.0.100')?.mac).toBe(two);
    expect(offer('52:54:00:00:00:09')).toBe('10.0.0.101');
  });
});

describe('LeaseBook and the probe', () => {
  it('offers an address in the middle of its probe rather than none', () => {
    expect(book.toProbe(lab, 32, rights)).toHaveLength(4);
    expect(offer(one)).toBe('10.0.0.100');
    book.probed(lab, ipv4Number('10.0.0.100'), false);
    expect(offer(two), 'not the same one').toBe('10.0.0.101');
  });

  it('prefers addresses that answered no probe, and leaves out one that did', () => {
    const asked = book.toProbe(lab, 3, rights).map(formatIpv4);
    expect(asked).toEqual(['10.0.0.100', '10.0.0.101', '10.0.0.102']);
    expect(offer(one), 'nobody waits for a probe').toBe('10.0.0.103');
    book.probed(lab, ipv4Number('10.0.0.100'), true);
    book.probed(lab, ipv4Number('10.0.0.101'), false);
    book.probed(lab, ipv4Number('10.0.0.102'), false);
    expect([offer(two), offer('52:54:00:00:00:03')]).toEqual(['10.0.0.101', '10.0.0.102']);
    expect(book.toProbe(lab, 3, rights)).toEqual([]);
  });
});
