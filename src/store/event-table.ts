import type { Kysely } from 'kysely';
import type { LabEvent, NewEvent, Severity } from '../events/event-store.ts';
import { bites } from './bites.ts';
import { newestNumber, takeNumbers } from './numbering-table.ts';
import type { EventRow, Tables } from './tables.ts';

/** From the least: a row has the place of its severity here. */
export const severities: readonly Severity[] = ['debug', 'info', 'warning', 'error'];

/** Durable with the transaction; the numbers are in the order given. */
export async function appendEvents(database: Kysely<Tables>, events: readonly NewEvent[]): Promise<LabEvent[]> {
  if (events.length === 0) return [];
  const first = await takeNumbers(database, 'event', events.length);
  const numbered = events.map((event, i): LabEvent => ({ ...event, id: first + i }));
  for (const bite of bites(numbered)) await database.insertInto('event').values(bite.map(rowOf)).execute();
  return numbered;
}

/** Of what there is; where there is nothing, `oldest` is one above `newest`, which is the number that was given last. */
export async function eventBounds(database: Kysely<Tables>): Promise<{ oldest: number; newest: number }> {
  const newest = await newestNumber(database, 'event');
  const row = await database.selectFrom('event').select('id').orderBy('id').limit(1).executeTakeFirst();
  return { oldest: row?.id ?? newest + 1, newest };
}

export async function expiredEvents(database: Kysely<Tables>, beforeMs: number, limit: number): Promise<number[]> {
  const rows = await database.selectFrom('event').select('id').where('at_ms', '<', beforeMs).orderBy('at_ms').limit(limit).execute();
  return rows.map(({ id }) => id);
}

export async function removeEvents(database: Kysely<Tables>, ids: readonly number[]): Promise<number> {
  let removed = 0;
  for (const bite of bites(ids)) {
    const { numDeletedRows } = await database.deleteFrom('event').where('id', 'in', bite).executeTakeFirst();
    removed += Number(numDeletedRows);
  }
  return removed;
}

/** `boot` of `boot.stuck`; nothing where there is no dot. */
export function nounOf(kind: string): string {
  return kind.slice(0, Math.max(0, kind.indexOf('.')));
}

function rowOf({ id, atMs, kind, severity, machine, attempt, detail }: LabEvent): EventRow {
  return {
    id,
    at_ms: atMs,
    noun: nounOf(kind),
    kind,
    severity: severities.indexOf(severity),
    machine: machine ?? null,
    attempt: attempt ?? null,
    detail: JSON.stringify(detail),
  };
}

export function eventOf({ id, at_ms: atMs, kind, severity, machine, attempt, detail }: EventRow): LabEvent {
  return {
    id,
    atMs,
    kind,
    severity: severities[severity] ?? 'error',
    ...(machine !== null && { machine }),
    ...(attempt !== null && { attempt }),
    detail: JSON.parse(detail) as LabEvent['detail'],
  };
}
