import type { TriggerEvaluation, TriggerStatus } from '../manager-control.ts';

/** What is kept of a trigger over a restart, as a plain document. */
export interface TriggerRecord {
  readonly name: string;
  readonly lastEvaluation?: TriggerEvaluation;
  readonly lastFired?: NonNullable<TriggerStatus['lastFired']>;
  /** Until when it does not fire again (wall clock), by agent; the empty name is for `forEach: once`. */
  readonly quietUntilMs: Readonly<Record<string, number>>;
}

export type TriggerDocument = Readonly<Record<string, unknown>>;

export function documentOf(record: TriggerRecord): TriggerDocument {
  return { ...record };
}

/** Documents are only written here; of one that another version wrote only what is understood is taken. */
export function recordOf(name: string, document: TriggerDocument): TriggerRecord {
  const { lastEvaluation, lastFired, quietUntilMs } = document as Partial<TriggerRecord>;
  const quiet = typeof quietUntilMs === 'object' ? Object.entries(quietUntilMs).filter(([, untilMs]) => Number.isFinite(untilMs)) : [];
  return {
    name,
    quietUntilMs: Object.fromEntries(quiet),
    ...(hasTime(lastEvaluation) && { lastEvaluation }),
    ...(hasTime(lastFired) && { lastFired }),
  };
}

function hasTime<Value extends { readonly atMs: number }>(value: Value | undefined): value is Value {
  return typeof value === 'object' && value !== null && Number.isFinite(value.atMs);
}
