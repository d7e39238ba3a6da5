import type { Kysely } from 'kysely';
import type { HostBoot } from '../model/host.ts';
import { takeNumbers } from './numbering-table.ts';
import type { HostBootRow, Tables } from './tables.ts';

/** The newest of each machine. */
export async function readHostBoots(database: Kysely<Tables>): Promise<HostBoot[]> {
  const rows = await database
    .selectFrom('host_boot')
    .selectAll()
    .where('boot', 'in', (newest) =>
      newest
        .selectFrom('host_boot')
        .select(({ fn }) => fn.max('boot').as('boot'))
        .groupBy('machine'),
    )
    .orderBy('machine')
    .execute();
  return rows.map(hostBootOf);
}

/** With the next number; of an attempt that was added before, the boot that it was then. */
export async function addHostBoot(
  database: Kysely<Tables>,
  { machine, attempt, address, mac, redeemedMs }: Omit<HostBoot, 'boot'>,
): Promise<HostBoot> {
  const boot = await takeNumbers(database, 'host-boot', 1);
  const known = await database.selectFrom('host_boot').selectAll().where('attempt', '=', attempt).executeTakeFirst();
  if (known !== undefined) return hostBootOf(known);
  const row: HostBootRow = { boot, machine, attempt, address: address ?? null, mac: mac ?? null, redeemed_ms: redeemedMs };
  await database.insertInto('host_boot').values(row).execute();
  return hostBootOf(row);
}

/** All but the newest of each machine. */
export async function expiredHostBoots(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<number[]> {
  const rows = await database
    .selectFrom('host_boot')
    .select('boot')
    .where('redeemed_ms', '<', beforeMs)
    .where('boot', 'not in', (newest) =>
      newest
        .selectFrom('host_boot')
        .select(({ fn }) => fn.max('boot').as('boot'))
        .groupBy('machine'),
    )
    .orderBy('boot')
    .limit(limit)
    .execute();
  return rows.map(({ boot }) => boot);
}

export async function removeHostBoots(database: Kysely<Tables>, boots: readonly number[]): Promise<number> {
  if (boots.length === 0) return 0;
  const { numDeletedRows } = await database.deleteFrom('host_boot').where('boot', 'in', boots).executeTakeFirst();
  return Number(numDeletedRows);
}

function hostBootOf({ boot, machine, attempt, address, mac, redeemed_ms: redeemedMs }: HostBootRow): HostBoot {
  return { machine, boot, attempt, ...(address !== null && { address }), ...(mac !== null && { mac }), redeemedMs };
}
