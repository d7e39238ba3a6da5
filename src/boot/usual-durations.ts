import { type BootStage, bootStages } from '../model/boot-profile.ts';
import type { StageRecord, StoredAttempt } from './attempt-store.ts';

/** A stage with the time since the one before it. */
export interface TimedStage extends StageRecord {
  readonly durationMs: number;
}

/** How long stages usually take, and how many boots say so. */
export interface UsualDurations {
  readonly boots: number;
  /** Medians, from the stage before. */
  readonly stages: ReadonlyMap<BootStage, number>;
  /** From the first packet to the hello. */
  readonly totalMs?: number;
}

/** In the order of time. What a machine had reached when it was assigned took no time of this attempt. */
export function timedStages({ openedMs, stages }: Pick<StoredAttempt, 'openedMs' | 'stages'>): readonly TimedStage[] {
  const timed: TimedStage[] = [];
  let beforeMs = openedMs;
  for (const record of stages.toSorted((left, right) => left.atMs - right.atMs)) {
    timed.push({ ...record, durationMs: Math.max(0, record.atMs - beforeMs) });
    beforeMs = Math.max(beforeMs, record.atMs);
  }
  return timed;
}

/** Medians over those of these boots that came up. */
export function usualDurations(attempts: readonly Pick<StoredAttempt, 'state' | 'openedMs' | 'stages'>[]): UsualDurations {
  const boots = attempts.filter(({ state }) => state === 'up').map((attempt) => ({ attempt, stages: timedStages(attempt) }));
  const stages = new Map<BootStage, number>();
  for (const stage of bootStages) {
    const times = boots.flatMap((boot) => boot.stages.filter((timed) => timed.stage === stage && timed.atMs >= boot.attempt.openedMs));
    const median = medianOf(times.map(({ durationMs }) => durationMs));
    if (median !== undefined) stages.set(stage, median);
  }
  const totalMs = medianOf(boots.flatMap((boot) => boot.stages.slice(-1).map(({ atMs }) => atMs - boot.attempt.openedMs)));
  return { boots: boots.length, stages, ...(totalMs !== undefined && { totalMs }) };
}

function medianOf(numbers: readonly number[]): number | undefined {
  const sorted = numbers.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  const lower = sorted[sorted.length % 2 === 0 ? middle - 1 : middle];
  return upper === undefined || lower === undefined ? undefined : Math.round((upper + lower) / 2);
}
