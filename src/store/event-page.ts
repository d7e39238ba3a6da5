import { sql } from 'kysely';
import type { Kysely, RawBuilder, SqlBool } from 'kysely';
import type { EventPage, LabEvent } from '../events/event-store.ts';
import { eventOf, nounOf, severities } from './event-table.ts';
import { newestNumber } from './numbering-table.ts';
import type { Tables } from './tables.ts';

/** A text is looked for among so many of the newest events: no index has it, and nobody shall wait for a million rows. */
const searchedEvents = 100_000;
/** How far servers' clocks may be apart, or one be set back, without an event being left out where a time is asked for. */
const clockSlackMs = 60_000;

type Condition = RawBuilder<SqlBool>;

/** Each page is read along indexes in the order of its numbers, whatever it asks for; only a text is looked for row by row. */
export async function pageEvents(database: Kysely<Tables>, page: EventPage): Promise<LabEvent[]> {
  const direction = page.order === 'newest-first' ? 'desc' : 'asc';
  const shared = [...(await numberConditions(database, page)), ...timeConditions(page), ...textConditions(page)];
  const idsAlong = (own: readonly Condition[]) => {
    let walk = database.selectFrom('event').select('id');
    for (const condition of [...own, ...shared]) walk = walk.where(condition);
    return database.selectFrom(walk.orderBy('id', direction).limit(page.limit).as('walk')).select('id');
  };
  const [first = [], ...others] = walksOf(page);
  let ids = idsAlong(first);
  for (const other of others) ids = ids.union(idsAlong(other));
  const rows = await database
    .selectFrom('event')
    .selectAll()
    .where('id', 'in', database.selectFrom(ids.as('found')).select('id').orderBy('id', direction).limit(page.limit))
    .orderBy('id', direction)
    .execute();
  return rows.map(eventOf);
}

/** The conditions of each walk along an index; together they find all that the filter wants, but for numbers, times and texts. */
function walksOf({ attempt, machine, kinds = [], severity = 'debug' }: EventPage): Condition[][] {
  const least = severities.indexOf(severity);
  const wanted = kindsOf(kinds);
  const beside = [...(wanted.length === 0 ? [] : [anyOf(wanted)]), ...(least === 0 ? [] : [sql<SqlBool>`severity + 0 >= ${least}`])];
  if (attempt !== undefined) {
    return [[sql`attempt = ${attempt}`, ...(machine === undefined ? [] : [sql<SqlBool>`machine || '' = ${machine}`]), ...beside]];
  }
  if (machine !== undefined) return [[sql`machine = ${machine}`, ...beside]];
  if (beside.length === 0) return [[]];
  const ofEach = severities.slice(least).map((_, i) => sql<SqlBool>`severity = ${least + i}`);
  return wanted.length === 0 ? ofEach.map((one) => [one]) : wanted.flatMap((kind) => ofEach.map((one) => [kind, one]));
}

/** One condition a kind that was named; none where all are wanted. */
function kindsOf(kinds: readonly string[]): Condition[] {
  if (kinds.includes('*')) return [];
  return kinds.map((kind) => {
    if (!kind.endsWith('.*')) return sql<SqlBool>`kind = ${kind}`;
    const stem = kind.slice(0, -2);
    if (!stem.includes('.')) return sql<SqlBool>`noun = ${stem}`;
    return sql<SqlBool>`noun = ${nounOf(kind)} and kind like ${`${escaped(stem)}.%`} escape '\\'`;
  });
}

/** In a `case`, where the database looks for no index to use for it: there is a better one. */
function anyOf(conditions: readonly Condition[]): Condition {
  return sql`case when ${sql.join(conditions, sql` or `)} then 1 else 0 end = 1`;
}

async function numberConditions(database: Kysely<Tables>, { after, before, sinceMs, untilMs, q }: EventPage): Promise<Condition[]> {
  const lows: number[] = [after ?? 0];
  const highs: number[] = before === undefined ? [] : [before];
  if (isAsked(q)) lows.push((await newestNumber(database, 'event')) - searchedEvents);
  // Events come nearly in the order of their times: whoever is on the wrong side of these two is so with all before or after.
  if (sinceMs !== undefined) {
    const early = database
      .selectFrom('event')
      .select('id')
      .where('at_ms', '<', sinceMs - clockSlackMs);
    const last = await early.orderBy('at_ms', 'desc').orderBy('id', 'desc').limit(1).executeTakeFirst();
    if (last !== undefined) lows.push(last.id);
  }
  if (untilMs !== undefined) {
    const late = database
      .selectFrom('event')
      .select('id')
      .where('at_ms', '>', untilMs + clockSlackMs);
    const next = await late.orderBy('at_ms').orderBy('id').limit(1).executeTakeFirst();
    if (next !== undefined) highs.push(next.id);
  }
  return [sql`id > ${Math.max(...lows)}`, ...(highs.length === 0 ? [] : [sql<SqlBool>`id < ${Math.min(...highs)}`])];
}

/** The sum keeps the database from the index of times, which is not in the order of the page. */
function timeConditions({ sinceMs, untilMs }: EventPage): Condition[] {
  return [
    ...(sinceMs === undefined ? [] : [sql<SqlBool>`at_ms + 0 >= ${sinceMs}`]),
    ...(untilMs === undefined ? [] : [sql<SqlBool>`at_ms + 0 <= ${untilMs}`]),
  ];
}

/** The database lowers both sides, as far as it knows letters: SQLite those of ASCII. */
function textConditions({ q }: EventPage): Condition[] {
  if (!isAsked(q)) return [];
  const text = `%${escaped(q)}%`;
  // As it stands in JSON: quotes and line ends have a backslash before them.
  const inJson = `%${escaped(JSON.stringify(q).slice(1, -1))}%`;
  return [
    sql`(lower(kind) like lower(${text}) escape '\\' or lower(machine) like lower(${text}) escape '\\' or lower(detail) like lower(${inJson}) escape '\\')`,
  ];
}

function isAsked(q: string | undefined): q is string {
  return q !== undefined && q !== '';
}

/** SQLite's `lower` ends at a zero. No column has one, and JSON writes it as `\u0000`. */
function escaped(text: string): string {
  return text.replaceAll('\0', '\u{fffd}').replaceAll(/[\\%_]/g, String.raw`\$&`);
}
