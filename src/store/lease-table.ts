import type { Kysely } from 'kysely';
import type { Lease } from '../model/lease.ts';
import type { LeaseRow, Tables } from './tables.ts';

/** SQLite allows 32766 variables a statement, PostgreSQL 65535; a row has seven. */
const rowsAStatement = 500;

export async function readLeases(database: Kysely<Tables>): Promise<Lease[]> {
  const rows = await database.selectFrom('lease').selectAll().orderBy('address').execute();
  return rows.map(leaseOf);
}

/** Replaces the leases of these addresses; where an address comes twice, the last one counts. */
export async function writeLeases(database: Kysely<Tables>, leases: readonly Lease[]): Promise<void> {
  // PostgreSQL refuses to touch one row twice in one statement.
  const rows = [...new Map(leases.map((lease) => [lease.address, rowOf(lease)])).values()];
  for (let start = 0; start < rows.length; start += rowsAStatement) {
    await database
      .insertInto('lease')
      .values(rows.slice(start, start + rowsAStatement))
      .onConflict((conflict) =>
        conflict.column('address').doUpdateSet((row) => ({
          subnet: row.ref('excluded.subnet'),
          mac: row.ref('excluded.mac'),
          host_name: row.ref('excluded.host_name'),
          state: row.ref('excluded.state'),
          granted_ms: row.ref('excluded.granted_ms'),
          expires_ms: row.ref('excluded.expires_ms'),
        })),
      )
      .execute();
  }
}

function rowOf({ address, subnet, mac, hostName, state, grantedMs, expiresMs }: Lease): LeaseRow {
  return { address, subnet, mac, host_name: hostName ?? null, state, granted_ms: grantedMs, expires_ms: expiresMs };
}

function leaseOf({ host_name: hostName, granted_ms: grantedMs, expires_ms: expiresMs, ...same }: LeaseRow): Lease {
  return { ...same, ...(hostName !== null && { hostName }), grantedMs, expiresMs };
}
