import type { Draft } from '../draft.ts';
import { isPaused, wantedCount } from '../decide/wanted.ts';
import type { KeptEnvironment, ManagerState } from '../state.ts';
import { notFound, refused } from './asking.ts';
import type { Act, Decision } from './asking.ts';

export function keptOf(draft: Draft, name: string): KeptEnvironment {
  return draft.environments.get(name) ?? { name, counter: 0 };
}

/** Within what its document allows. */
export const scale =
  <Result>(name: string, count: number, view: (state: ManagerState) => Result): Act<Result> =>
  (draft, { author }): Decision<Result> => {
    const environment = draft.world.objects.environments.get(name);
    if (environment === undefined) return notFound(`Environment ${name}`);
    const { min, max } = environment.count;
    if (!Number.isInteger(count) || count < min || count > max) {
      const fixed = min === max ? `is fixed at ${min} by its document` : `may be ${min} to ${max} by its document`;
      return refused(`the count of ${name} ${fixed}: change it there`);
    }
    const before = wantedCount(environment, draft.environments.get(name));
    draft.keepEnvironment({ ...keptOf(draft, name), scale: { count, by: author, atMs: draft.now.wallMs } });
    if (before.count !== count) draft.tell('environment.scaled', 'info', { environment: name, from: before.count, to: count, by: author });
    const isIdle = isPaused(environment, draft.environments.get(name));
    return { kind: 'done', view, ...(isIdle ? { notes: [`${name} is paused: nothing is started or stopped until that ends`] } : {}) };
  };

export const pause =
  <Result>(name: string, paused: boolean, view: (state: ManagerState) => Result): Act<Result> =>
  (draft, { author }): Decision<Result> => {
    const environment = draft.world.objects.environments.get(name);
    if (environment === undefined) return notFound(`Environment ${name}`);
    const { paused: _, ...kept } = keptOf(draft, name);
    draft.keepEnvironment(paused ? { ...kept, paused: { by: author, atMs: draft.now.wallMs } } : kept);
    const stays = !paused && environment.paused ? [`its document says paused: true, so it stays so`] : [];
    return { kind: 'done', view, notes: stays };
  };
