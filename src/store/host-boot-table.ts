import type { Kysely } from 'kysely';
import type { Redeemed, StoredAttempt } from '../boot/attempt-store.ts';
import type { HostBoot } from '../model/host.ts';
import { type RedeemedBoot, saidHelloSince } from '../model/host-boot-store.ts';
import { writeAttempt } from './attempt-table.ts';
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

/**
 * Writes the attempt with the boot that it proves, which has the next number, or the one that this attempt was given before. Nothing
 * is written where another boot of the machine has said hello since the attempt began.
 */
export async function redeemAttempt(
  database: Kysely<Tables>,
  attempt: StoredAttempt,
  redeemed?: RedeemedBoot,
): Promise<Redeemed & { readonly oneShotUsed?: boolean }> {
  if (redeemed === undefined) return { kind: 'kept', oneShotUsed: await writeAttempt(database, attempt) };
  const { machine, address, mac, redeemedMs } = redeemed;
  // From here on to the end no other server can add one.
  const boot = await takeNumbers(database, 'host-boot', 1);
  const ofMachine = await database
    .selectFrom('host_boot')
    .selectAll()
    .where('machine', '=', machine)
    .orderBy('boot', 'desc')
    .limit(1)
    .executeTakeFirst();
  const newest = ofMachine && hostBootOf(ofMachine);
  if (newest !== undefined && saidHelloSince(newest, redeemed)) return { kind: 'late', by: newest };
  const oneShotUsed = await writeAttempt(database, attempt);
  const known = await database.selectFrom('host_boot').selectAll().where('attempt', '=', attempt.id).executeTakeFirst();
  if (known !== undefined) return { kind: 'kept', boot: hostBootOf(known), oneShotUsed };
  const row: HostBootRow = { boot, machine, attempt: attempt.id, address: address ?? null, mac: mac ?? null, redeemed_ms: redeemedMs };
  await database.insertInto('host_boot').values(row).execute();
  return { kind: 'kept', boot: hostBootOf(row), oneShotUsed };
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
