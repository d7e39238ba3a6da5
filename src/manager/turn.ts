import { Draft } from './draft.ts';
import { reconcile } from './decide/reconcile.ts';
import { hear } from './hear/hear.ts';
import type { Input } from './hear/input.ts';
import type { ManagerState } from './state.ts';
import type { World } from './world.ts';

/** One turn: everything that was heard since the last, then a look at everything if there is news. Reads no clock, waits for nothing. */
export function takeTurn(state: ManagerState, inputs: readonly Input[], world: World): Draft {
  const draft = new Draft(state, world);
  let news = false;
  for (const input of inputs) {
    draft.guarded(`what was heard (${input.kind})`, () => {
      if (hear(draft, input) === 'news') news = true;
    });
  }
  if (news) reconcile(draft);
  return draft;
}
