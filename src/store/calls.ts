import type { Kysely } from 'kysely';
import {
  addSession,
  addToken,
  addUser,
  deleteSession,
  deleteToken,
  deleteUser,
  expiredAccess,
  findSession,
  findToken,
  findUser,
  readTokens,
  readUsers,
  removeAccess,
  touchSession,
  touchToken,
  updateUser,
} from './account-table.ts';
import { expiredAttempts, findAttempt, pageAttempts, removeAttempts } from './attempt-archive-table.ts';
import { readAttempts, writeAttempt } from './attempt-table.ts';
import { appendAudit, expiredAudit, pageAudit, removeAudit } from './audit-table.ts';
import type { Notice } from './change-feed.ts';
import { pageEvents } from './event-page.ts';
import { appendEvents, eventBounds, expiredEvents, removeEvents } from './event-table.ts';
import { expiredHostBoots, readHostBoots, redeemAttempt, removeHostBoots } from './host-boot-table.ts';
import { beginAnswer, expiredAnswers, finishAnswer, forgetAnswer, removeAnswers } from './idempotency-table.ts';
import { readLeases, writeLeases } from './lease-table.ts';
import { commitManagerRecords, expiredCommands, readManagerRecords, removeCommands } from './manager-table.ts';
import { commitObjects, deleteOneShot, readObjects, saveOneShot } from './object-table.ts';
import type { Tables } from './tables.ts';
import { expiredTasks, findTask, pageTasks, removeTasks, saveTask } from './task-table.ts';
import { commitTemplate, readTemplateVersion, readTemplateVersions, readTemplates } from './template-table.ts';
import { deleteUnknownClients, readUnknownClients, saveUnknownClients } from './unknown-client-table.ts';

/**
 * What the control thread may ask of the database: one more function is one more line here, and its type follows.
 * Arguments and results cross threads, where errors lose their class: plain data only, expected outcomes included.
 */
export type Query = (database: Kysely<Tables>, ...args: never[]) => Promise<unknown>;
export type Calls = Readonly<Record<string, Readonly<Record<string, Query>>>>;

/** Short and by key, or at the start: no listing holds them up. They see what was committed before, and nothing half done. */
export const lookups = {
  leases: { load: readLeases },
  attempts: { load: readAttempts },
  archive: { find: findAttempt },
  objects: { load: readObjects },
  unknownClients: { load: readUnknownClients },
  templates: { load: readTemplates, version: readTemplateVersion },
  events: { bounds: eventBounds },
  accounts: { users: readUsers, user: findUser, session: findSession, tokens: readTokens, tokenByHash: findToken },
  tasks: { find: findTask },
  manager: { load: readManagerRecords },
  hostBoots: { load: readHostBoots },
} satisfies Calls;

/** Lists, pages, searches: on a connection that can only read, in a thread of its own. */
export const reads = {
  archive: { page: pageAttempts },
  templates: { versions: readTemplateVersions },
  events: { page: pageEvents },
  audit: { page: pageAudit },
  tasks: { page: pageTasks },
} satisfies Calls;

/** Each in a transaction that it may share with others, durable before it resolves; an error undoes it alone. */
export const writes = {
  leases: { commit: writeLeases },
  attempts: { save: writeAttempt, redeem: redeemAttempt },
  objects: { commit: commitObjects, saveOneShot, deleteOneShot },
  unknownClients: { save: saveUnknownClients, delete: deleteUnknownClients },
  templates: { commit: commitTemplate },
  events: { append: appendEvents },
  audit: { append: appendAudit },
  accounts: { addUser, updateUser, deleteUser, addSession, touchSession, deleteSession, addToken, touchToken, deleteToken },
  tasks: { save: saveTask },
  idempotency: { begin: beginAnswer, finish: finishAnswer, forget: forgetAnswer },
  manager: { commit: commitManagerRecords },
} satisfies Calls;

/** Deletions of what is old, a bite at a time: `expired` looks for at most so many keys where reads are, `remove` deletes these. */
export const prunes = {
  archive: { expired: expiredAttempts, remove: removeAttempts },
  events: { expired: expiredEvents, remove: removeEvents },
  audit: { expired: expiredAudit, remove: removeAudit },
  accounts: { expired: expiredAccess, remove: removeAccess },
  tasks: { expired: expiredTasks, remove: removeTasks },
  idempotency: { expired: expiredAnswers, remove: removeAnswers },
  manager: { expired: expiredCommands, remove: removeCommands },
  hostBoots: { expired: expiredHostBoots, remove: removeHostBoots },
} satisfies Readonly<Record<string, Prune>>;

export interface Prune {
  readonly expired: (database: Kysely<Tables>, beforeMs: number, limit: number) => Promise<readonly unknown[]>;
  /** Deletes those that are still as `expired` found them; returns how many. */
  readonly remove: (database: Kysely<Tables>, keys: never) => Promise<number>;
}

/** What other servers on the same database are told, with the commit, of a write that gave this result. */
export const notices = {
  leases: { commit: ({ written }) => written.map((payload) => ({ area: 'leases', payload })) },
  // Whether it used up a one-shot boot.
  attempts: {
    save: objectsChanged,
    redeem: (redeemed) => [
      ...objectsChanged(redeemed.oneShotUsed === true),
      ...(redeemed.kind === 'kept' && redeemed.boot !== undefined ? [{ area: 'hostBoots', payload: null }] : []),
    ],
  },
  objects: {
    commit: ({ kind }) => objectsChanged(kind === 'done'),
    saveOneShot: () => objectsChanged(true),
    deleteOneShot: objectsChanged,
  },
  templates: { commit: ({ kind }) => (kind === 'done' ? [{ area: 'templates', payload: null }] : []) },
  manager: { commit: ({ kind }) => (kind === 'done' ? [{ area: 'manager', payload: null }] : []) },
  events: { append: (events) => events.slice(-1).map(({ id }) => ({ area: 'events', payload: id })) },
} satisfies Notices<typeof writes>;

function objectsChanged(changed: boolean): Notice[] {
  return changed ? [{ area: 'objects', payload: null }] : [];
}

export type Notices<Area> = {
  readonly [Name in keyof Area]?: {
    readonly [Call in keyof Area[Name]]?: Area[Name][Call] extends (...args: never[]) => Promise<infer Result>
      ? (result: Result) => readonly Notice[]
      : never;
  };
};

/** The calls as the control thread sees them: without the database. */
export type Offered<Area> = {
  readonly [Name in keyof Area]: Area[Name] extends (database: Kysely<Tables>, ...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Promise<Result>
    : never;
};

/** Functions that send each call of `areas` on. */
export function offer<Areas extends Calls>(
  areas: Areas,
  send: (area: string, name: string, args: readonly unknown[]) => Promise<unknown>,
): { readonly [Name in keyof Areas]: Offered<Areas[Name]> } {
  const offered = Object.entries(areas).map(([area, calls]) => [
    area,
    Object.fromEntries(Object.keys(calls).map((name) => [name, (...args: readonly unknown[]) => send(area, name, args)])),
  ]);
  return Object.fromEntries(offered) as { readonly [Name in keyof Areas]: Offered<Areas[Name]> };
}
