import type { Kysely } from 'kysely';
import type { LeaseWrite } from '../dhcp/lease-store.ts';
import type { Lease } from '../model/lease.ts';
import type { LeaseRow, Tables } from './tables.ts';

/** SQLite allows 32766 variables a statement and expressions 1000 deep, PostgreSQL 65535 variables; a row has seven, and three of `over`. */
const rowsAStatement = 500;

export interface LeasesWritten {
  readonly written: readonly Lease[];
  /** At the addresses that were left alone. */
  readonly standing: readonly Lease[];
}

export async function readLeases(database: Kysely<Tables>): Promise<Lease[]> {
  const rows = await database.selectFrom('lease').selectAll().orderBy('address').execute();
  return rows.map(leaseOf);
}

/** Writes them in order, but for addresses that hold a lease which the writer does not know of: see LeaseStore.commit. */
export async function writeLeases(database: Kysely<Tables>, writes: readonly LeaseWrite[]): Promise<LeasesWritten> {
  const written = new Map<string, Lease>();
  const refused = new Set<string>();
  for (const round of rounds(writes)) {
    for (let start = 0; start < round.length; start += rowsAStatement) {
      const some = round.slice(start, start + rowsAStatement);
      const addresses = await upsert(database, some);
      for (const { lease } of some) {
        if (addresses.has(lease.address)) written.set(lease.address, lease);
        else refused.add(lease.address);
      }
    }
  }
  return { written: [...written.values()], standing: await readSome(database, [...refused]) };
}

/**
 * No address twice in one statement, which PostgreSQL refuses; each in the order of addresses, so that two servers never
 * wait for rows of each other.
 */
function rounds(writes: readonly LeaseWrite[]): LeaseWrite[][] {
  const result: LeaseWrite[][] = [];
  const times = new Map<string, number>();
  for (const write of writes) {
    const { address } = write.lease;
    const before = times.get(address) ?? 0;
    times.set(address, before + 1);
    (result[before] ??= []).push(write);
  }
  return result.map((round) => round.sort((one, other) => (one.lease.address < other.lease.address ? -1 : 1)));
}

/** Returns the addresses that were written. */
async function upsert(database: Kysely<Tables>, writes: readonly LeaseWrite[]): Promise<ReadonlySet<string>> {
  const overruled = writes.flatMap(({ over }) => (over === undefined ? [] : [over]));
  const rows = await database
    .insertInto('lease')
    .values(writes.map(({ lease }) => rowOf(lease)))
    .onConflict((conflict) =>
      conflict
        .column('address')
        .doUpdateSet((row) => ({
          subnet: row.ref('excluded.subnet'),
          mac: row.ref('excluded.mac'),
          host_name: row.ref('excluded.host_name'),
          state: row.ref('excluded.state'),
          granted_ms: row.ref('excluded.granted_ms'),
          expires_ms: row.ref('excluded.expires_ms'),
        }))
        .where((row) =>
          row.or([
            row.and([row('lease.mac', '=', row.ref('excluded.mac')), row('lease.granted_ms', '<=', row.ref('excluded.granted_ms'))]),
            ...overruled.map(({ address, mac, grantedMs }) =>
              row.and({ 'lease.address': address, 'lease.mac': mac, 'lease.granted_ms': grantedMs }),
            ),
          ]),
        ),
    )
    .returning('address')
    .execute();
  return new Set(rows.map(({ address }) => address));
}

async function readSome(database: Kysely<Tables>, addresses: readonly string[]): Promise<Lease[]> {
  const leases: Lease[] = [];
  for (let start = 0; start < addresses.length; start += rowsAStatement) {
    const some = addresses.slice(start, start + rowsAStatement);
    const rows = await database.selectFrom('lease').selectAll().where('address', 'in', some).execute();
    leases.push(...rows.map(leaseOf));
  }
  return leases;
}

function rowOf({ address, subnet, mac, hostName, state, grantedMs, expiresMs }: Lease): LeaseRow {
  return { address, subnet, mac, host_name: hostName ?? null, state, granted_ms: grantedMs, expires_ms: expiresMs };
}

function leaseOf({ host_name: hostName, granted_ms: grantedMs, expires_ms: expiresMs, ...same }: LeaseRow): Lease {
  return { ...same, ...(hostName !== null && { hostName }), grantedMs, expiresMs };
}
