import type { AttemptStore } from '../boot/attempt-store.ts';
import type { LeaseStore } from '../dhcp/lease-store.ts';
import type { Lease } from '../model/lease.ts';
import { lookups, offer, prunes, reads, writes } from './calls.ts';
import type { Followers } from './followers.ts';
import type { Reader } from './reader.ts';
import type { StoreThread } from './store-thread.ts';

/** What the rooms declare, put together from `calls.ts`. */
export interface StoreAreas {
  readonly leases: LeaseStore;
  readonly attempts: AttemptStore;
}

export interface AreaParts {
  readonly writer: Pick<StoreThread, 'run'>;
  readonly reader: Pick<Reader, 'run'>;
  readonly followers: Followers;
}

/** Keys to delete at a time: few enough that a lease which comes meanwhile does not wait for long. */
const biteRows = 500;

export function storeAreas({ writer, reader, followers }: AreaParts): StoreAreas {
  const look = offer(lookups, (area, name, args) => writer.run('lookups', area, name, args));
  const read = offer(reads, (area, name, args) => reader.run('reads', area, name, args));
  const write = offer(writes, (area, name, args) => writer.run('writes', area, name, args));
  const prune =
    (area: keyof typeof prunes) =>
    async (beforeMs: number): Promise<number> => {
      let removed = 0;
      for (;;) {
        const keys = (await reader.run('expired', area, '', [beforeMs, biteRows])) as readonly unknown[];
        if (keys.length === 0) return removed;
        const count = (await writer.run('remove', area, '', [keys])) as number;
        removed += count;
        // Somebody changed all of them meanwhile: the next time will do.
        if (count === 0) return removed;
      }
    };
  void read;
  void prune;

  return {
    leases: {
      load: look.leases.load,
      commit: async (leases) => (await write.leases.commit(leases)).standing,
      follow: (written, lost) => followers.set('leases', { heard: (leases) => written(leases as readonly Lease[]), missed: lost }),
    },
    attempts: { load: look.attempts.load, save: async (attempt) => void (await write.attempts.save(attempt)) },
  };
}
