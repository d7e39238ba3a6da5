import { endCommand } from '../decide/commands.ts';
import type { ManagerCommand } from '../manager-control.ts';
import type { ManagerState } from '../state.ts';
import { notFound, refused } from './asking.ts';
import type { Act, Decision } from './asking.ts';

/** What was never sent ends at once; of the rest the agent is asked not to begin it, and its answer is what counts. */
export const cancelCommand =
  (id: string): Act<ManagerCommand> =>
  (draft, { author }): Decision<ManagerCommand> => {
    const command = draft.open.get(id);
    if (command === undefined) {
      const ended = draft.ended.get(id);
      return ended === undefined ? notFound(`command ${id}`) : refused(`command ${id} has ended already: ${ended.state} (${ended.reason})`);
    }
    const view = (state: ManagerState): ManagerCommand => state.open.get(id) ?? state.ended.get(id) ?? command;
    if (command.times === 0) {
      endCommand(draft, command, 'cancelled', `cancelled by ${author} before it was sent`);
      return { kind: 'done', view };
    }
    draft.send({
      kind: 'message',
      host: command.host,
      message: { v: 1, kind: 'CONTROL', id: draft.world.newId(), action: 'cancel', session: command.session, command: id },
    });
    return { kind: 'done', view, notes: [`it was sent already: ${command.host} is asked not to begin it, and says what became of it`] };
  };

export const hold =
  <Result>(reason: string | undefined, view: (state: ManagerState) => Result): Act<Result> =>
  (draft, { author }): Decision<Result> => {
    const { operator, storm, ...guard } = draft.guard;
    if (reason !== undefined) {
      draft.keepGuard({ ...draft.guard, operator: { reason, author, sinceMs: draft.now.wallMs } });
      draft.tell('manager.hold', 'warning', { reason: `${reason} (${author}): nothing is fenced, given up or recovered`, by: 'operator' });
      const fenced = [...draft.hosts.values()].filter(({ link }) => link.fence?.asking === true).map(({ kept }) => kept.name);
      const notes = fenced.length === 0 ? [] : [`power is being switched already, and that goes on: ${fenced.join(', ')}`];
      return { kind: 'done', view, notes };
    }
    if (operator === undefined && storm === undefined) return refused('there is no hold that could be taken back');
    draft.tell('manager.released', 'warning', { reason: `${author} took the hold back`, by: 'operator' });
    if (operator !== undefined) {
      draft.keepGuard({ ...guard, ...(storm === undefined ? {} : { storm }) });
      return {
        kind: 'done',
        view,
        notes: storm === undefined ? [] : ['the storm guard still holds: take that back as well, if it is wrong'],
      };
    }
    draft.keepGuard({ ...guard, ...(storm === undefined ? {} : { accepted: storm.hosts }) });
    return { kind: 'done', view, notes: [`hosts that are silent now count as lost one by one: ${storm?.hosts.join(', ') ?? ''}`] };
  };
