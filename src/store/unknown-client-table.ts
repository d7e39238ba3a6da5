import type { Kysely } from 'kysely';
import type { Mac } from '../model/mac.ts';
import type { UnknownClient } from '../model/unknown-client.ts';
import { bites } from './bites.ts';
import type { Tables } from './tables.ts';

export async function readUnknownClients(database: Kysely<Tables>): Promise<UnknownClient[]> {
  const rows = await database.selectFrom('unknown_client').select('document').orderBy('mac').execute();
  return rows.map(({ document }) => JSON.parse(document) as UnknownClient);
}

/** Replaces those of the same MAC; where one comes twice, the last one counts. */
export async function saveUnknownClients(database: Kysely<Tables>, clients: readonly UnknownClient[]): Promise<void> {
  const rows = new Map(clients.map((client) => [client.mac, { mac: client.mac, document: JSON.stringify(client) }]));
  for (const bite of bites([...rows.values()])) {
    await database
      .insertInto('unknown_client')
      .values(bite)
      .onConflict((conflict) => conflict.column('mac').doUpdateSet((row) => ({ document: row.ref('excluded.document') })))
      .execute();
  }
}

export async function deleteUnknownClients(database: Kysely<Tables>, macs: readonly Mac[]): Promise<void> {
  for (const bite of bites(macs)) await database.deleteFrom('unknown_client').where('mac', 'in', bite).execute();
}
