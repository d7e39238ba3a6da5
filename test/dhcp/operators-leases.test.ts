import { beforeEach, describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { optionCode } from '../../src/dhcp/option-code.ts';
import { silentLog } from '../../src/log.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { Mac } from '../../src/model/mac.ts';
import { Client, HeldStore, lab, ScriptedAdvisor, serve, SharedLeases } from './lan-fixture.ts';

const one = '52:54:00:00:00:01';
const two = '52:54:00:00:00:02';
const minute = 60_000;

let clock: HeldClock;
let shared: SharedLeases;
let store: HeldStore;
let rights: ScriptedAdvisor;
let book: LeaseBook;

function offer(mac: Mac): string {
  const result = book.offer(mac, lab, undefined, rights);
  return result.kind === 'address' ? formatIpv4(result.address) : result.reason;
}

async function bind(mac: Mac, address: Ipv4 = offer(mac), hostName?: string): Promise<void> {
  await book.grant(mac, lab, ipv4Number(address), hostName === undefined ? {} : { hostName });
}

beforeEach(async () => {
  clock = new HeldClock();
  shared = new SharedLeases();
  store = new HeldStore(shared);
  rights = new ScriptedAdvisor();
  book = new LeaseBook({ store, subnets: [lab], clock, log: silentLog });
  await book.load();
});

describe('LeaseBook.list', () => {
  it('has all leases in the order of addresses, each with the state that it is in now', async () => {
    await bind(two, '10.0.0.103', 'post02');
    clock.advance(40 * minute);
    await bind(one, '10.0.0.101');
    await bind(one, '10.0.0.30');
    const last = '52:54:00:00:00:03';
    book.decline(last, lab, ipv4Number(offer(last)));
    clock.advance(30 * minute);
    const grantedMs = clock.now() - 30 * minute;
    expect(book.list()).toMatchObject([
      { address: '10.0.0.30', mac: one, subnet: 'lab', state: 'bound', grantedMs, expiresMs: grantedMs + 60 * minute },
      { address: '10.0.0.100', mac: last, state: 'expired' },
      { address: '10.0.0.101', mac: one, state: 'released' },
      { address: '10.0.0.103', mac: two, hostName: 'post02', state: 'expired' },
    ]);
  });
});

describe('LeaseBook.remove', () => {
  it('frees an address when that is on disk', async () => {
    await bind(one);
    store.held = true;
    let isDone = false;
    const removing = book.remove('10.0.0.100', rights).then((result) => {
      isDone = true;
      return result;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    store.letThrough();
    expect(await removing).toMatchObject({ kind: 'removed', lease: { address: '10.0.0.100', mac: one, state: 'bound' } });
    expect(store.stored.get('10.0.0.100')?.state).toBe('released');
    expect(book.leaseOf('10.0.0.100')).toBeUndefined();
    expect(book.claim(two, lab, ipv4Number('10.0.0.100'), 'selecting', rights).kind).toBe('grant');
  });

  it('leaves an address in live use alone unless it is forced, and offers it to nobody else as long as it is', async () => {
    await bind(one);
    rights.live.add('10.0.0.100');
    expect(await book.remove('10.0.0.100', rights)).toMatchObject({ kind: 'in-use', lease: { mac: one } });
    expect(book.leaseOf('10.0.0.100')?.mac).toBe(one);
    expect(await book.remove('10.0.0.100', rights, { force: true })).toMatchObject({ kind: 'removed' });
    expect(book.claim(two, lab, ipv4Number('10.0.0.100'), 'selecting', rights).kind).toBe('refuse');
  });

  it.each([
    { name: 'no lease', address: '10.0.0.101' },
    { name: 'a lease that ended', address: '10.0.0.100' },
  ])('says that there is none to free: $name', async ({ address }) => {
    await bind(one);
    book.release(one, ipv4Number('10.0.0.100'));
    expect(await book.remove(address, rights)).toEqual({ kind: 'none' });
  });

  it('frees a declined address', async () => {
    book.decline(one, lab, ipv4Number(offer(one)));
    expect(await book.remove('10.0.0.100', rights)).toMatchObject({ kind: 'removed' });
    expect(book.claim(two, lab, ipv4Number('10.0.0.100'), 'selecting', rights).kind).toBe('grant');
  });

  it('changes nothing where the store fails', async () => {
    await bind(one);
    store.held = true;
    const removing = book.remove('10.0.0.100', rights);
    await new Promise((resolve) => setImmediate(resolve));
    store.fail();
    await expect(removing).rejects.toThrow('disk full');
    expect(book.leaseOf('10.0.0.100')?.mac).toBe(one);
  });

  it('says that the client got it again of another server, and leaves it to it', async () => {
    await bind(one);
    shared.heldNews = true;
    clock.advance(1000);
    const other = new LeaseBook({ store: new HeldStore(shared), subnets: [lab], clock, log: silentLog });
    await other.load();
    await other.grant(one, lab, ipv4Number('10.0.0.100'));
    expect(await book.remove('10.0.0.100', rights)).toMatchObject({ kind: 'renewed', lease: { mac: one, grantedMs: clock.now() } });
    expect(book.leaseOf('10.0.0.100')?.mac).toBe(one);
  });

  it('frees all addresses of the NICs of a machine in one commit', async () => {
    await bind(one);
    await bind(two);
    await bind('52:54:00:00:00:03');
    rights.live.add('10.0.0.101');
    const before = store.batches.length;
    const ended = await book.removeOf(new Set([one, two]), rights);
    expect(ended.map(({ address }) => address)).toEqual(['10.0.0.100', '10.0.0.101']);
    expect(store.batches.length - before).toBe(1);
    expect(book.list().map(({ state }) => state)).toEqual(['released', 'released', 'bound']);
  });
});

describe('a decision with a lease time of its own', () => {
  it('gives that time in options 51, 58 and 59 and in the lease (RFC 2131 4.4.5)', async () => {
    const scene = await serve();
    scene.advisor.decision = { kind: 'lease', leaseSeconds: 120, reason: 'it waits' };
    const client = await Client.join(scene.lan, one);
    await client.boot();
    for (const { options } of client.heard) {
      expect(options.get(optionCode.leaseSeconds)).toEqual(Uint8Array.of(0, 0, 0, 120));
      expect(options.get(optionCode.renewalSeconds)).toEqual(Uint8Array.of(0, 0, 0, 60));
      expect(options.get(optionCode.rebindingSeconds)).toEqual(Uint8Array.of(0, 0, 0, 105));
    }
    expect(scene.book.list()).toMatchObject([{ expiresMs: scene.clock.now() + 120_000 }]);
    scene.advisor.decision = { kind: 'lease', reason: 'it was assigned' };
    await client.boot();
    expect(scene.book.list()).toMatchObject([{ expiresMs: scene.clock.now() + lab.leaseSeconds * 1000 }]);
    await scene.server.close();
  });
});
