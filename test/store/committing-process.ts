import type { StoredAttempt } from '../../src/boot/attempt-store.ts';
import { silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';

/**
 * Writes as fast as it can, many at a time, and prints what it has written once that has resolved. Ends by being killed.
 * Each object is two machines with one note, each boot an attempt that was redeemed and what it proves, of which there must never be half.
 */
const [, , database = '', round = ''] = process.argv;
const store = await openStore({ database, serverId: `round${round}`, log: silentLog });
let next = 0;

function acknowledge(kind: string, name: string): void {
  process.stdout.write(`${kind} ${name}\n`);
}

async function commitLeases(): Promise<never> {
  for (;;) {
    const address = `10.${round}.${next >> 8}.${next++ & 255}`;
    const times = { grantedMs: Number(round), expiresMs: Number(round) + 1 };
    await store.leases.commit([{ lease: { address, subnet: 'lab', mac: '52:54:00:00:00:01', state: 'bound', ...times } }]);
    acknowledge('lease', address);
  }
}

async function appendEvents(): Promise<never> {
  for (;;) {
    const detail = { round, n: next++ };
    const events = ['first', 'second'].map((half) => ({ atMs: 0, kind: `test.${half}`, severity: 'info' as const, detail }));
    const [appended] = await store.events.append(events);
    acknowledge('event', String(appended?.id));
  }
}

async function commitObjects(): Promise<never> {
  for (;;) {
    const n = next++;
    const changes = ['a', 'b'].map((half) => {
      const name = `m${round}-${n}${half}`;
      return { kind: 'Machine', name, revision: 0, document: { kind: 'Machine', name, nics: [] } } as const;
    });
    await store.objects.commit(changes, 'anna', 0);
    acknowledge('object', `m${round}-${n}`);
  }
}

async function redeemBoots(): Promise<never> {
  for (;;) {
    const machine = `h${round}-${next++}`;
    const known = {
      id: machine,
      machine: { name: machine },
      mac: machine,
      profile: { name: 'dom0' },
      state: 'up',
      openedMs: 1,
      lastSeenMs: 1,
    };
    await store.attempts.save({ ...known, state: 'booting' } as unknown as StoredAttempt);
    const redeemed = { ...known, redeemedMs: 2 } as unknown as StoredAttempt;
    await store.attempts.redeem(redeemed, { machine, attempt: machine, openedMs: 1, redeemedMs: 2 });
    acknowledge('boot', machine);
  }
}

// They end where the database was killed before us.
await Promise.allSettled([
  ...Array.from({ length: 20 }, commitLeases),
  ...Array.from({ length: 4 }, appendEvents),
  ...Array.from({ length: 4 }, commitObjects),
  ...Array.from({ length: 4 }, redeemBoots),
]);
