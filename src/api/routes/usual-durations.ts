import type { StoredAttempt } from '../../boot/attempt-store.ts';
import type { BootStage } from '../../model/boot-profile.ts';
import type { ControlPlane } from '../control-plane.ts';

export interface UsualSeconds {
  /** From the first packet to the hello. */
  readonly total?: number;
  readonly stages: ReadonlyMap<BootStage, number>;
}

/** So many boots say what is usual; fewer than three say nothing. */
const boots = 20;
const fewest = 3;

/** How long boots of one machine by one profile take: the median of the last ones that came up. */
export class UsualDurations {
  readonly #plane: Pick<ControlPlane, 'archive'>;

  constructor(plane: Pick<ControlPlane, 'archive'>) {
    this.#plane = plane;
  }

  async of({ id, machine, profile, openedMs }: StoredAttempt): Promise<UsualSeconds> {
    const page = { machine: machine.name, profile: profile.name, states: ['up'], before: { openedMs, id }, limit: boots } as const;
    const earlier = await this.#plane.archive.page(page);
    const totals: number[] = [];
    const stages = new Map<BootStage, number[]>();
    for (const attempt of earlier) {
      let beforeMs = attempt.openedMs;
      for (const { stage, atMs } of [...attempt.stages].sort((left, right) => left.atMs - right.atMs)) {
        stages.set(stage, [...(stages.get(stage) ?? []), (atMs - beforeMs) / 1000]);
        beforeMs = atMs;
        if (stage === 'hello') totals.push((atMs - attempt.openedMs) / 1000);
      }
    }
    const total = median(totals);
    return {
      ...(total !== undefined && { total }),
      stages: new Map(
        Array.from(stages, ([stage, seconds]) => [stage, median(seconds)] as const).filter(
          (pair): pair is [BootStage, number] => pair[1] !== undefined,
        ),
      ),
    };
  }
}

function median(values: readonly number[]): number | undefined {
  if (values.length < fewest) return undefined;
  const sorted = [...values].sort((left, right) => left - right);
  return Math.max(0, sorted[Math.floor((sorted.length - 1) / 2)] ?? 0);
}
