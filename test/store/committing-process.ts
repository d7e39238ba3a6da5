import { silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';

/** Commits leases as fast as it can, many at a time, and prints each address once its commit has resolved. Ends by being killed. */
const store = await openStore({ file: process.argv[2] ?? '', log: silentLog });
const round = Number(process.argv[3]);
let next = 0;

async function client(): Promise<never> {
  for (;;) {
    const address = `10.${round}.${next >> 8}.${next++ & 255}`;
    await store.leases.commit([
      { address, subnet: 'lab', mac: '52:54:00:00:00:01', state: 'bound', grantedMs: round, expiresMs: round + 1 },
    ]);
    process.stdout.write(`${address}\n`);
  }
}

await Promise.all(Array.from({ length: 20 }, client));
