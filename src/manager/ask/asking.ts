import type { Asked, AskedBy } from '../manager-control.ts';
import type { Draft } from '../draft.ts';
import type { KeptCommand, ManagerState } from '../state.ts';

/** What was decided about something that was asked: refused at once, or done, and then how it looks when it is durable. */
export type Decision<Result> =
  | { readonly kind: 'done'; readonly view: (state: ManagerState) => Result; readonly notes?: readonly string[]; readonly command?: string }
  | Exclude<Asked<Result>, { kind: 'done' }>;

export type Act<Result> = (draft: Draft, by: AskedBy) => Decision<Result>;

export const notFound = (what: string) => ({ kind: 'not-found', what }) as const;
export const refused = (reason: string) => ({ kind: 'refused', reason }) as const;

export function commandNote({ id, host, state }: KeptCommand): string {
  return state === 'queued' ? `command ${id} waits until ${host} answers` : `command ${id} was sent to ${host}`;
}
