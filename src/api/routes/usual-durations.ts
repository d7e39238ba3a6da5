import type { StoredAttempt } from '../../boot/attempt-store.ts';
import { usualDurations } from '../../boot/usual-durations.ts';
import type { UsualDurations as Usual } from '../../boot/usual-durations.ts';
import type { ControlPlane } from '../control-plane.ts';

/** So many boots say what is usual; fewer than three say nothing. */
const boots = 20;
const fewest = 3;
const unknown: Usual = { boots: 0, stages: new Map() };

/** How long a boot took before: of the machine by this profile, else of all machines by it. */
export class UsualDurations {
  readonly #plane: Pick<ControlPlane, 'archive'>;

  constructor(plane: Pick<ControlPlane, 'archive'>) {
    this.#plane = plane;
  }

  async of({ id, machine, profile, openedMs }: StoredAttempt): Promise<Usual> {
    const page = { profile: profile.name, states: ['up'], before: { openedMs, id }, limit: boots } as const;
    const ofMachine = usualDurations(await this.#plane.archive.page({ ...page, machine: machine.name }));
    if (ofMachine.boots >= fewest) return ofMachine;
    const ofProfile = usualDurations(await this.#plane.archive.page(page));
    return ofProfile.boots >= fewest ? ofProfile : unknown;
  }
}
