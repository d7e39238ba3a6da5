import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LeaseWrite } from '../../src/dhcp/lease-store.ts';
import type { Lease } from '../../src/model/lease.ts';
import type { Store } from '../../src/store/store.ts';
import { grantedMs, lease, type StoreUnderTest } from './store-contract.ts';

const two = '52:54:00:00:00:02';
const three = '52:54:00:00:00:03';
const first = lease('192.168.0.100', { hostName: 'post01' });
const renewed: Lease = { ...first, grantedMs: grantedMs + 10, expiresMs: first.expiresMs + 10 };
const ofTwo = lease('192.168.0.100', { mac: two, grantedMs: grantedMs + 20 });

/** One lease an address, and which write may replace it. */
export function leaseContract(make: () => Promise<StoreUnderTest>): void {
  describe('which lease an address keeps', () => {
    let under: StoreUnderTest;
    let store: Store;
    let rows = 0;

    // Opening one takes longer than all of these; each row has an address of its own.
    beforeAll(async () => {
      under = await make();
      store = await under.open();
    });

    afterAll(async () => {
      await store.close();
      await under.remove();
    });

    it.each([
      { name: 'a renewal', before: first, write: { lease: renewed }, kept: renewed },
      {
        name: 'a renewal of the same millisecond',
        before: first,
        write: { lease: { ...first, expiresMs: 1 } },
        kept: { ...first, expiresMs: 1 },
      },
      { name: 'a release', before: first, write: { lease: { ...first, state: 'released' } }, kept: { ...first, state: 'released' } },
      { name: 'a client over the lease that it knows of', before: first, write: { lease: ofTwo, over: first }, kept: ofTwo },
      {
        name: 'a client over that lease, ended meanwhile',
        before: { ...first, state: 'released' },
        write: { lease: ofTwo, over: first },
        kept: ofTwo,
      },
      { name: 'a lease where there is none any more', before: undefined, write: { lease: ofTwo, over: first }, kept: ofTwo },
    ] as const)('$name is written', async ({ before, write, kept }) => {
      const moved = toNumber(rows++);
      if (before !== undefined) await store.leases.commit([{ lease: moved(before) }]);
      expect(await store.leases.commit([moveWrite(write, moved)])).toEqual([]);
      expect(await leaseOf(store, moved(kept).address)).toEqual(moved(kept));
    });

    it.each([
      { name: 'another client that knows of none', before: first, write: { lease: ofTwo } },
      { name: 'another client over a lease that was renewed', before: renewed, write: { lease: ofTwo, over: first } },
      { name: 'another client over the lease of a third', before: first, write: { lease: ofTwo, over: { ...first, mac: three } } },
      {
        name: 'another client over that very lease of another address',
        before: first,
        write: { lease: ofTwo, over: { ...first, address: '192.168.0.101' } },
      },
      { name: 'a release of an earlier lease', before: renewed, write: { lease: { ...first, state: 'released' } } },
      { name: 'a renewal that is older', before: renewed, write: { lease: first } },
    ] as const)('$name is left out, and hears of the lease that stands', async ({ before, write }) => {
      const moved = toNumber(rows++);
      await store.leases.commit([{ lease: moved(before) }]);
      expect(await store.leases.commit([moveWrite(write, moved)])).toEqual([moved(before)]);
      expect(await leaseOf(store, moved(before).address)).toEqual(moved(before));
    });

    it('writes the others of a commit, and each in the order of the commit', async () => {
      await store.leases.commit([{ lease: first }]);
      const other = lease('192.168.0.99', { mac: two });
      const ended: Lease = { ...other, state: 'released' };
      const next = lease('192.168.0.99', { mac: three, grantedMs: grantedMs + 30 });
      expect(await store.leases.commit([{ lease: other }, { lease: ofTwo }, { lease: ended }, { lease: next, over: ended }])).toEqual([
        first,
      ]);
      expect([await leaseOf(store, first.address), await leaseOf(store, next.address)]).toEqual([first, next]);
    });

    it('takes 2000 leases of other clients over in one commit, but for those that were renewed', async () => {
      const old = Array.from({ length: 2000 }, (_, number) => lease(`10.0.${number >> 8}.${number & 255}`));
      await store.leases.commit(old.map((each) => ({ lease: each })));
      const kept = [0, 500, 1000, 1500].map((number) => lease(`10.0.${number >> 8}.${number & 255}`, { grantedMs: grantedMs + 1 }));
      await store.leases.commit(kept.map((each) => ({ lease: each })));
      const standing = await store.leases.commit(old.map((over) => ({ lease: { ...over, mac: two, grantedMs: grantedMs + 5 }, over })));
      expect(standing.toSorted(byAddress)).toEqual(kept.toSorted(byAddress));
      const taken = (await store.leases.load()).filter(({ address, mac }) => address.startsWith('10.0.') && mac === two);
      expect(taken).toHaveLength(1996);
    });
  });
}

/** The same with another address in place of the first one of the rows. */
function toNumber(row: number): (lease: Lease) => Lease {
  return (each) => (each.address === first.address ? { ...each, address: `192.168.1.${row}` } : each);
}

function moveWrite({ lease: written, over }: LeaseWrite, moved: (lease: Lease) => Lease): LeaseWrite {
  return { lease: moved(written), ...(over !== undefined && { over: moved(over) }) };
}

async function leaseOf(store: Store, address: string): Promise<Lease | undefined> {
  return (await store.leases.load()).find((each) => each.address === address);
}

function byAddress(one: Lease, other: Lease): number {
  return one.address < other.address ? -1 : 1;
}
