import type { Kysely } from 'kysely';
import type { NumberingRow, Tables } from './tables.ts';

/**
 * Takes the next `count` numbers; returns the first. Whoever comes meanwhile, on another server too, waits until this
 * transaction has ended: so numbers become visible in their order, and one that was undone is given again.
 */
export async function takeNumbers(database: Kysely<Tables>, name: NumberingRow['name'], count: number): Promise<number> {
  const { newest } = await database
    .updateTable('numbering')
    .set((row) => ({ newest: row('newest', '+', count) }))
    .where('name', '=', name)
    .returning('newest')
    .executeTakeFirstOrThrow();
  return newest - count + 1;
}

export async function newestNumber(database: Kysely<Tables>, name: NumberingRow['name']): Promise<number> {
  const { newest } = await database.selectFrom('numbering').select('newest').where('name', '=', name).executeTakeFirstOrThrow();
  return newest;
}
