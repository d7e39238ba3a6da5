import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';
import { storeContract } from './store-contract.ts';

storeContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'virtdom-store-'));
  return {
    open: () => openStore({ file: join(folder, 'state', 'virtdom.db'), log: silentLog }),
    remove: () => rm(folder, { recursive: true }),
  };
});
