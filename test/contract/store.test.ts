import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { silentLog } from '../../src/log.ts';
import { openStore } from '../../src/store/store.ts';
import { accountContract } from './account-contract.ts';
import { attemptArchiveContract } from './attempt-archive-contract.ts';
import { auditContract } from './audit-contract.ts';
import { eventContract } from './event-contract.ts';
import { leaseContract } from './lease-contract.ts';
import { managerContract } from './manager-contract.ts';
import { objectContract } from './object-contract.ts';
import { PostgresServer } from './postgres-server.ts';
import { requestContract } from './request-contract.ts';
import { storeContract } from './store-contract.ts';
import type { StoreUnderTest } from './store-contract.ts';
import { templateContract } from './template-contract.ts';

const contracts = [
  storeContract,
  leaseContract,
  objectContract,
  templateContract,
  eventContract,
  auditContract,
  accountContract,
  requestContract,
  attemptArchiveContract,
  managerContract,
];

async function sqlite(): Promise<StoreUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'virtdom-store-'));
  const database = join(folder, 'state', 'virtdom.db');
  return {
    open: () => openStore({ database, serverId: 'one', log: silentLog }),
    remove: () => rm(folder, { recursive: true }),
  };
}

describe('the store over SQLite', { timeout: 30_000 }, () => {
  for (const contract of contracts) contract(sqlite);
});

describe('the store over PostgreSQL', { timeout: 30_000 }, () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);

  afterAll(() => server.close());

  const make = (): Promise<StoreUnderTest> => {
    const database = server.createDatabase();
    return Promise.resolve({
      open: () => openStore({ database, serverId: 'one', log: silentLog }),
      remove: () => Promise.resolve(),
    });
  };
  for (const contract of contracts) contract(make);
});
