import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredAttempt } from '../../src/boot/attempt-store.ts';
import { defaultStageSeconds } from '../../src/model/boot-profile.ts';
import type { LeaseWrite } from '../../src/dhcp/lease-store.ts';
import type { Lease } from '../../src/model/lease.ts';
import { loadedAttempts } from '../../src/store/attempt-table.ts';
import type { Store } from '../../src/store/store.ts';

/** A database to run the contract over: opened again, it has what was written before. */
export interface StoreUnderTest {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

export const grantedMs = Date.UTC(2026, 0, 1);

export function lease(address: string, more: Partial<Lease> = {}): Lease {
  return { address, subnet: 'lab', mac: '52:54:00:00:00:01', state: 'bound', grantedMs, expiresMs: grantedMs + 3_600_000, ...more };
}

export function attempt(id: string, more: Partial<StoredAttempt> = {}): StoredAttempt {
  return {
    id,
    machine: { name: 'post01', nics: [{ mac: '52:54:00:00:00:01', address: '192.168.0.11' }], profile: 'dom0', labels: {}, parameters: {} },
    mac: '52:54:00:00:00:01',
    subnet: {
      name: 'lab',
      cidr: { network: 0xc0a8_0000, prefixLength: 24 },
      interface: 'br0',
      serverAddress: '192.168.0.5',
      mode: 'authoritative',
      dnsServers: [],
      leaseSeconds: 3600,
      unknown: { kind: 'ignore' },
    },
    profile: {
      name: 'dom0',
      boot: 'network',
      loaders: { bios: 'pxegrub' },
      menus: [],
      menuByOption150: true,
      parameters: { dom0MemoryMib: 512 },
      stageSeconds: defaultStageSeconds,
    },
    image: 'dom0@3',
    menus: [{ path: '/grub/post01.conf', template: 'menu.lst', templateSha256: '00', text: 'title Xen “Dom0”\n' }],
    openedMs: grantedMs,
    lastSeenMs: grantedMs + 10,
    lastPacket: 'DISCOVER',
    addresses: ['192.168.0.11'],
    stages: [{ stage: 'discover', atMs: grantedMs, protocol: 'dhcp' }],
    state: 'booting',
    reason: 'firmware DISCOVER',
    ...more,
  };
}

/** Leases as somebody commits them who knows of no other. */
export function alone(...leases: readonly Lease[]): LeaseWrite[] {
  return leases.map((each) => ({ lease: each }));
}

/** What every database has to do for the rooms that keep things in it. */
export function storeContract(make: () => Promise<StoreUnderTest>): void {
  describe('leases and attempts', () => {
    let under: StoreUnderTest;
    let store: Store;

    beforeEach(async () => {
      under = await make();
      store = await under.open();
    });

    afterEach(async () => {
      await store.close();
      await under.remove();
    });

    const reopen = async (): Promise<void> => {
      await store.close();
      store = await under.open();
    };

    it('has no leases and no attempts at first', async () => {
      expect(await store.leases.load()).toEqual([]);
      expect(await store.attempts.load()).toEqual([]);
    });

    it('gives back every field of a lease after it was closed and opened', async () => {
      const leases = [
        lease('192.168.0.100', { hostName: 'post01' }),
        lease('192.168.0.101', { mac: '52:54:00:00:00:02', state: 'released' }),
        lease('192.168.0.102', { state: 'declined', expiresMs: grantedMs + 2 ** 40 }),
      ];
      await store.leases.commit(alone(...leases));
      await reopen();
      expect(await store.leases.load()).toEqual(leases);
    });

    it('takes an empty commit', async () => {
      await store.leases.commit(alone());
      expect(await store.leases.load()).toEqual([]);
    });

    it('writes 5000 leases in one commit', async () => {
      await store.leases.commit(alone(...Array.from({ length: 5000 }, (_, i) => lease(`10.0.${i >> 8}.${i & 255}`))));
      expect(await store.leases.load()).toHaveLength(5000);
    });

    it('writes all leases of a commit or none, and the commits beside it all the same', async () => {
      const wrong = { ...lease('192.168.0.102'), mac: null } as unknown as Lease;
      const outcomes = await Promise.allSettled([
        store.leases.commit(alone(lease('192.168.0.100'))),
        store.leases.commit(alone(lease('192.168.0.101'), wrong)),
        store.leases.commit(alone(lease('192.168.0.103'))),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      const [, failed] = outcomes;
      expect(failed).toMatchObject({ reason: { code: 'store-write' } });
      expect((await store.leases.load()).map(({ address }) => address)).toEqual(['192.168.0.100', '192.168.0.103']);
    });

    it('gives back an attempt as it was saved, text beyond ASCII included', async () => {
      await store.attempts.save(attempt('a'));
      await reopen();
      expect(await store.attempts.load()).toEqual([attempt('a')]);
    });

    it('replaces an attempt that is saved again, the last call winning', async () => {
      const versions = ['booting', 'stuck', 'booting', 'up'] as const;
      await Promise.all(versions.map((state) => store.attempts.save(attempt('a', { state }))));
      expect(await store.attempts.load()).toEqual([attempt('a', { state: 'up' })]);
    });

    it(`loads the newest ${loadedAttempts} attempts of each machine, oldest first`, async () => {
      const other = { ...attempt('x').machine, name: 'post02' };
      const saved = Array.from({ length: loadedAttempts + 2 }, (_, i) => attempt(`a${i}`, { openedMs: grantedMs + i }));
      await Promise.all([...saved, attempt('b', { machine: other, openedMs: grantedMs - 1 })].map((each) => store.attempts.save(each)));
      const loaded = await store.attempts.load();
      expect(loaded.map(({ id }) => id)).toEqual(['b', ...saved.slice(2).map(({ id }) => id)]);
    });

    it('loads the newest attempt that came up too, whatever began since', async () => {
      const ended = Array.from({ length: loadedAttempts + 2 }, (_, i) =>
        attempt(`f${i}`, { openedMs: grantedMs + 10 + i, state: 'failed' }),
      );
      const ups = [attempt('u1', { openedMs: grantedMs, state: 'up' }), attempt('u2', { openedMs: grantedMs + 1, state: 'up' })];
      for (const each of [...ups, ...ended]) await store.attempts.save(each);
      const loaded = await store.attempts.load();
      expect(loaded.map(({ id }) => id)).toEqual(['u2', ...ended.slice(2).map(({ id }) => id)]);
    });

    it('writes what is queued before it closes', async () => {
      const commit = store.leases.commit(alone(lease('192.168.0.100')));
      await store.close();
      await commit;
      store = await under.open();
      expect(await store.leases.load()).toHaveLength(1);
    });

    it('refuses calls after it was closed', async () => {
      await store.close();
      await expect(store.leases.commit(alone(lease('192.168.0.100')))).rejects.toMatchObject({ code: 'store-closed' });
      await expect(store.attempts.load()).rejects.toMatchObject({ code: 'store-closed' });
    });
  });
}
