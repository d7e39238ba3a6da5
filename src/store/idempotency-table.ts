import type { Kysely } from 'kysely';
import type { KeptAnswer } from '../api/idempotency-store.ts';
import { bites } from './bites.ts';
import type { KeptAnswerRow, Tables } from './tables.ts';

/** Takes the key; where it is taken already, returns by what. */
export async function beginAnswer(database: Kysely<Tables>, kept: KeptAnswer): Promise<KeptAnswer | undefined> {
  const row = rowOf(kept);
  for (let tries = 0; tries < 3; tries++) {
    const { numInsertedOrUpdatedRows } = await database
      .insertInto('kept_answer')
      .values(row)
      .onConflict((conflict) => conflict.columns(['actor', 'key']).doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows === 1n) return undefined;
    const standing = await database
      .selectFrom('kept_answer')
      .selectAll()
      .where('actor', '=', row.actor)
      .where('key', '=', row.key)
      .executeTakeFirst();
    if (standing !== undefined) return answerOf(standing);
    // Another server gave the key back in between.
  }
  throw new Error('the idempotency key is taken and given back again and again: send the request once more');
}

export async function finishAnswer(database: Kysely<Tables>, kept: KeptAnswer): Promise<void> {
  const { actor, key, ...columns } = rowOf(kept);
  await database
    .insertInto('kept_answer')
    .values({ actor, key, ...columns })
    .onConflict((conflict) => conflict.columns(['actor', 'key']).doUpdateSet(columns))
    .execute();
}

export async function forgetAnswer(database: Kysely<Tables>, actor: string, key: string): Promise<void> {
  await database.deleteFrom('kept_answer').where('actor', '=', actor).where('key', '=', key).execute();
}

type Key = Pick<KeptAnswer, 'actor' | 'key' | 'createdMs'>;

export async function expiredAnswers(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<Key[]> {
  const rows = await database
    .selectFrom('kept_answer')
    .select(['actor', 'key', 'created_ms as createdMs'])
    .where('created_ms', '<', beforeMs)
    .orderBy('created_ms')
    .limit(limit)
    .execute();
  return rows;
}

/** But for those that were taken again meanwhile. */
export async function removeAnswers(database: Kysely<Tables>, keys: readonly Key[]): Promise<number> {
  let removed = 0;
  for (const [actor, ofActor] of Map.groupBy(keys, (key) => key.actor)) {
    for (const bite of bites(ofActor)) {
      const { numDeletedRows } = await database
        .deleteFrom('kept_answer')
        .where('actor', '=', actor)
        .where(
          'key',
          'in',
          bite.map(({ key }) => key),
        )
        .where('created_ms', '<=', Math.max(...bite.map(({ createdMs }) => createdMs)))
        .executeTakeFirst();
      removed += Number(numDeletedRows);
    }
  }
  return removed;
}

function rowOf({ actor, key, requestHash, answer, createdMs }: KeptAnswer): KeptAnswerRow {
  return { actor, key, request_hash: requestHash, answer: answer === undefined ? null : JSON.stringify(answer), created_ms: createdMs };
}

function answerOf({ actor, key, request_hash: requestHash, answer, created_ms: createdMs }: KeptAnswerRow): KeptAnswer {
  return { actor, key, requestHash, ...(answer !== null && { answer: JSON.parse(answer) as Required<KeptAnswer>['answer'] }), createdMs };
}
