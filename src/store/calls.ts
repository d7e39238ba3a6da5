import type { Kysely } from 'kysely';
import { readAttempts, writeAttempt } from './attempt-table.ts';
import type { Notice } from './change-feed.ts';
import { readLeases, writeLeases } from './lease-table.ts';
import type { Tables } from './tables.ts';

/**
 * What the control thread may ask of the database: one more function is one more line here, and its type follows.
 * Arguments and results cross threads: plain data only, expected outcomes included; what must be undone throws a `Refusal`.
 */
export type Query = (database: Kysely<Tables>, ...args: never[]) => Promise<unknown>;
export type Calls = Readonly<Record<string, Readonly<Record<string, Query>>>>;

/** Short and by key, or at the start: no listing holds them up. They see what was committed before, and nothing half done. */
export const lookups = {
  leases: { load: readLeases },
  attempts: { load: readAttempts },
} satisfies Calls;

/** Lists, pages, searches: on a connection that can only read, in a thread of its own. */
export const reads = {} satisfies Calls;

/** Each in a transaction that it may share with others, durable before it resolves; its error or Refusal undoes it alone. */
export const writes = {
  leases: { commit: writeLeases },
  attempts: { save: writeAttempt },
} satisfies Calls;

/** Deletions of what is old, a bite at a time: `expired` looks for at most so many keys where reads are, `remove` deletes these. */
export const prunes = {} satisfies Readonly<Record<string, Prune>>;

export interface Prune {
  readonly expired: (database: Kysely<Tables>, beforeMs: number, limit: number) => Promise<readonly unknown[]>;
  /** Deletes those that are still as `expired` found them; returns how many. */
  readonly remove: (database: Kysely<Tables>, keys: never) => Promise<number>;
}

/** What other servers on the same database are told, with the commit, of a write that gave this result. */
export const notices = {
  leases: { commit: ({ written }) => written.map((lease) => ({ area: 'leases', payload: lease })) },
} satisfies Notices<typeof writes>;

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
