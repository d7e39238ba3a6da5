import type { Act, Decision } from '../ask/asking.ts';
import { Draft } from '../draft.ts';
import type { Asked, AskedBy } from '../manager-control.ts';
import type { KeptCommand, ManagerState } from '../state.ts';
import type { ManagerLoop } from './manager-loop.ts';

const notLeading = (reason: string) =>
  ({
    kind: 'refused',
    reason: `this manager does not lead (${reason}), so nothing was done: ask the one that leads, or ask again`,
  }) as const;

/** Takes what people ask, and answers when it is durable. */
export class AskDesk {
  readonly #loop: ManagerLoop;
  readonly #listeners = new Map<string, (command: KeptCommand) => void>();

  constructor(loop: ManagerLoop) {
    this.#loop = loop;
    loop.onTurn = (state) => this.#look(state);
  }

  async ask<Result>(act: Act<Result>, by: AskedBy): Promise<Asked<Result>> {
    if (this.#loop.standing.state !== 'leading') return notLeading(this.#loop.standing.reason);
    if (by.dryRun === true) {
      const draft = new Draft(this.#loop.state, this.#loop.world());
      return settled(act(draft, by), draft.state);
    }
    return this.#loop.act(
      (draft) => {
        const decision = act(draft, by);
        return (state) => settled(decision, state);
      },
      (reason): Asked<Result> => notLeading(reason),
    );
  }

  /** Asks for a command, and waits for what the agent answers; the command itself expires. */
  async askAndHear<Result>(act: Act<undefined>, by: AskedBy, read: (result: unknown) => Result): Promise<Asked<Result>> {
    if (this.#loop.standing.state !== 'leading') return notLeading(this.#loop.standing.reason);
    const { promise, resolve } = Promise.withResolvers<Asked<Result>>();
    const lost = await this.#loop.act(
      (draft) => {
        const decision = act(draft, by);
        if (decision.kind !== 'done') return () => resolve(decision);
        const { command } = decision;
        if (command === undefined) throw new Error('nothing was asked of an agent that could be waited for');
        this.#listeners.set(command, (ended) => resolve(heardOf(ended, read)));
        return () => undefined;
      },
      (reason) => reason,
    );
    return typeof lost === 'string' ? notLeading(lost) : promise;
  }

  /** Nobody waits for ever: what is neither open nor ended was lost with a turn that was not committed. */
  #look(state: ManagerState): void {
    for (const [id, listener] of this.#listeners) {
      if (state.open.has(id)) continue;
      this.#listeners.delete(id);
      const ended = state.ended.get(id);
      if (ended !== undefined) listener(ended);
    }
  }
}

function settled<Result>(decision: Decision<Result>, state: ManagerState): Asked<Result> {
  if (decision.kind !== 'done') return decision;
  const { view, notes } = decision;
  return { kind: 'done', result: view(state), ...(notes === undefined || notes.length === 0 ? {} : { notes }) };
}

function heardOf<Result>(command: KeptCommand, read: (result: unknown) => Result): Asked<Result> {
  if (command.state === 'done') return { kind: 'done', result: read(command.result) };
  return { kind: 'refused', reason: `${command.host} did not do it: ${command.reason}` };
}
