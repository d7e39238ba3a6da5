import type { Kysely } from 'kysely';
import type { AuditEntry, AuditPage } from '../events/audit-store.ts';
import { bites } from './bites.ts';
import { takeNumbers } from './numbering-table.ts';
import type { Tables } from './tables.ts';

export async function appendAudit(database: Kysely<Tables>, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const first = await takeNumbers(database, 'audit', entries.length);
  const rows = entries.map((entry, i) => {
    const { atMs, actor, action, object } = entry;
    return { id: first + i, at_ms: atMs, actor, action, object, document: JSON.stringify(entry) };
  });
  for (const bite of bites(rows)) await database.insertInto('audit').values(bite).execute();
}

/** Newest first. */
export async function pageAudit(database: Kysely<Tables>, page: AuditPage): Promise<(AuditEntry & { id: number })[]> {
  const { actor, action, object, before, limit } = page;
  const rows = await database
    .selectFrom('audit')
    .select(['id', 'document'])
    .$if(actor !== undefined, (query) => query.where('actor', '=', actor ?? ''))
    .$if(action !== undefined, (query) => query.where('action', '=', action ?? ''))
    .$if(object !== undefined, (query) => query.where('object', '=', object ?? ''))
    .$if(before !== undefined, (query) => query.where('id', '<', before ?? 0))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ id, document }) => Object.assign(JSON.parse(document) as AuditEntry, { id }));
}

export async function expiredAudit(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<number[]> {
  const rows = await database.selectFrom('audit').select('id').where('at_ms', '<', beforeMs).orderBy('at_ms').limit(limit).execute();
  return rows.map(({ id }) => id);
}

export async function removeAudit(database: Kysely<Tables>, ids: readonly number[]): Promise<number> {
  let removed = 0;
  for (const bite of bites(ids)) {
    const { numDeletedRows } = await database.deleteFrom('audit').where('id', 'in', bite).executeTakeFirst();
    removed += Number(numDeletedRows);
  }
  return removed;
}
