import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptPage } from '../../src/boot/attempt-store.ts';
import type { AuditPage } from '../../src/events/audit-store.ts';
import type { EventFilter } from '../../src/events/event-store.ts';
import { expiredAttempts, pageAttempts } from '../../src/store/attempt-archive-table.ts';
import { pageAudit } from '../../src/store/audit-table.ts';
import { pageEvents } from '../../src/store/event-page.ts';
import { appendEvents } from '../../src/store/event-table.ts';
import { migrate } from '../../src/store/migrate.ts';
import { lockMigrations } from '../../src/store/sqlite.ts';
import type { Tables } from '../../src/store/tables.ts';
import { pageTasks } from '../../src/store/task-table.ts';

const key = 'PRIMARY KEY';
const atMs = 1_790_000_000_000;

/** What is asked for, and the indexes that lead to it in the order of the page. */
const events: readonly [EventFilter & { before?: number }, readonly string[]][] = [
  [{}, []],
  [{ before: 5 }, []],
  [{ kinds: ['boot.stuck'] }, ['event_kind_severity_id']],
  [{ kinds: ['boot.*', 'template.published'], severity: 'error' }, ['event_noun_severity_id', 'event_kind_severity_id']],
  [{ kinds: ['boot.nfs.*'] }, ['event_noun_severity_id']],
  [{ severity: 'warning' }, ['event_severity_id']],
  [{ severity: 'warning', sinceMs: atMs, untilMs: atMs, before: 5 }, ['event_severity_id', 'event_at_ms_id']],
  [{ sinceMs: atMs, untilMs: atMs }, ['event_at_ms_id']],
  [{ machine: 'post01' }, ['event_machine_id_severity_kind_noun']],
  [{ machine: 'post01', kinds: ['boot.*', 'boot'], severity: 'error', before: 5 }, ['event_machine_id_severity_kind_noun']],
  [{ machine: 'post01', sinceMs: atMs }, ['event_machine_id_severity_kind_noun', 'event_at_ms_id']],
  [{ attempt: 'a', machine: 'post01', kinds: ['boot.*'], severity: 'error', untilMs: atMs }, ['event_attempt_id', 'event_at_ms_id']],
  [{ q: 'x', machine: 'post01' }, ['event_machine_id_severity_kind_noun']],
  [{ q: 'x', severity: 'error' }, ['event_severity_id']],
];

const before = { openedMs: atMs, id: 'x' };
const attempts: readonly [Omit<AttemptPage, 'limit'>, string][] = [
  [{}, 'boot_attempt_opened_ms_id'],
  [{ before }, 'boot_attempt_opened_ms_id'],
  [{ sinceMs: atMs, untilMs: atMs }, 'boot_attempt_opened_ms_id'],
  [{ machine: 'post01', before }, 'boot_attempt_machine_opened_ms_id'],
  [{ machine: 'post01', mac: 'x', profile: 'dom0', states: ['up', 'failed'] }, 'boot_attempt_machine_opened_ms_id'],
  [{ mac: 'x', states: ['up'] }, 'boot_attempt_mac_opened_ms_id'],
  [{ states: ['up', 'failed'], before }, 'boot_attempt_state_opened_ms_id'],
  [{ profile: 'dom0' }, 'boot_attempt_profile_state_opened_ms_id'],
  [{ profile: 'dom0', states: ['up'], before }, 'boot_attempt_profile_state_opened_ms_id'],
];

const audits: readonly [Omit<AuditPage, 'limit'>, string][] = [
  [{ before: 5 }, key],
  [{ actor: 'anna' }, 'audit_actor_id'],
  [{ action: 'a.b' }, 'audit_action_id'],
  [{ object: 'a/b', before: 5 }, 'audit_object_id'],
];

describe('a page, over a million rows, is read along an index', () => {
  let sqlite: Database.Database;
  let database: Kysely<Tables>;
  let queries: CompiledQuery[] = [];

  beforeAll(async () => {
    sqlite = new Database(':memory:');
    database = new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqlite }), log: ({ query }) => void queries.push(query) });
    await migrate(database, lockMigrations, 1);
    const around = [-1, 1].map((days) => ({ atMs: atMs + days * 86_400_000, kind: 'a.b', severity: 'info', detail: {} }) as const);
    await appendEvents(database, around);
  });

  afterAll(() => database.destroy());

  /** The indexes that lead to rows, but for those by which a row of a known key is fetched; and whether all rows are sorted. */
  const planOf = async (ask: () => Promise<unknown>) => {
    queries = [];
    await ask();
    const details = queries.flatMap(({ sql, parameters }) => {
      const plan = sqlite.prepare(`explain query plan ${sql}`).all(...parameters) as { readonly detail: string }[];
      return plan.map(({ detail }) => detail);
    });
    const steps = details.flatMap((detail) => /^(?:SCAN|SEARCH) (?:event|boot_attempt|audit|task|old)\b.*/.exec(detail) ?? []);
    const indexes = steps.map((step) => /INDEX (\w+)/.exec(step)?.[1] ?? (step.startsWith('SEARCH') ? key : 'every row'));
    return { indexes: [...new Set(indexes)].sort(), details };
  };

  it.each(events)('of events by %j', async (filter, indexes) => {
    for (const order of ['oldest-first', 'newest-first'] as const) {
      const plan = await planOf(() => pageEvents(database, { ...filter, order, limit: 50 }));
      // Rows are fetched by their numbers, which are in the order of the page.
      expect(plan.indexes.filter((index) => index !== key)).toEqual([...indexes].sort());
    }
  });

  it.each(attempts)('of attempts by %j', async (filter, index) => {
    const plan = await planOf(() => pageAttempts(database, { ...filter, limit: 50 }));
    expect(plan.indexes.filter((each) => each !== 'sqlite_autoindex_boot_attempt_1')).toEqual([index]);
  });

  it.each(audits)('of the audit log by %j', async (filter, index) => {
    const plan = await planOf(() => pageAudit(database, { ...filter, limit: 50 }));
    expect(plan.indexes).toEqual([index]);
    expect(plan.details.join()).not.toContain('TEMP B-TREE');
  });

  it.each([
    [{}, 'task_created_ms_id'],
    [{ before: { createdMs: 5, id: 'x' } }, 'task_created_ms_id'],
    [{ state: 'running', before: { createdMs: 5, id: 'x' } }, 'task_state_created_ms_id'],
  ] as const)('of tasks by %j', async (filter, index) => {
    const plan = await planOf(() => pageTasks(database, { ...filter, limit: 50 }));
    expect(plan.indexes).toEqual([index]);
    expect(plan.details.join()).not.toContain('TEMP B-TREE');
  });

  it('of attempts that have expired, oldest first', async () => {
    const plan = await planOf(() => expiredAttempts(database, 5, 50));
    expect(plan.indexes).toEqual(['boot_attempt_opened_ms_id']);
    expect(plan.details.join()).not.toContain('TEMP B-TREE');
  });
});
