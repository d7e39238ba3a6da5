import type { Draft } from '../draft.ts';
import { tendBringUp } from './bring-up.ts';
import { tendClaims } from './claims.ts';
import { tendCommands } from './commands.ts';
import { tendCounts } from './counts.ts';
import { tendDuties } from './duties.ts';
import { tendFencing } from './fencing.ts';
import { dropGone, tendBoots, tendStates } from './hosts.ts';
import { tendMoves } from './moves.ts';
import { tendPrefetch } from './prefetch.ts';
import { tendRoleProperties } from './role-properties.ts';
import { tendSessions } from './sessions.ts';
import { tendShortage } from './shortage.ts';
import { tendStarts } from './starts.ts';
import { tendStops } from './stops.ts';
import { tendStorm } from './storm.ts';
import { tendStrays } from './strays.ts';

/**
 * One look at everything: what is proved, who is silent, what is wanted, and what follows. Each concern leaves the others a
 * consistent draft; what goes wrong in one does not stop those after it.
 */
export function reconcile(draft: Draft): void {
  for (const [name, tend] of concerns) draft.guarded(name, () => tend(draft));
}

const concerns: readonly (readonly [string, (draft: Draft) => void])[] = [
  ['boots', tendBoots],
  ['sessions', tendSessions],
  ['host states', tendStates],
  ['storm guard', tendStorm],
  ['claims', tendClaims],
  ['stray domains', tendStrays],
  ['bring-up', tendBringUp],
  ['properties of roles', tendRoleProperties],
  ['fencing', tendFencing],
  ['counts', (draft) => tendCounts(draft)],
  ['moves', tendMoves],
  ['stops', tendStops],
  ['starts', tendStarts],
  ['images', tendPrefetch],
  ['duties', tendDuties],
  ['machines that are gone', dropGone],
  ['commands', tendCommands],
  ['shortage', tendShortage],
];
