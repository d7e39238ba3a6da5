import { documentOf, stateOf } from '../records.ts';
import type { UnreadableRecord } from '../records.ts';
import type { Draft } from '../draft.ts';
import type { ManagerRecord, ManagerStore, RecordArea, RecordChange } from '../manager-store.ts';
import type { ManagerState } from '../state.ts';

const leaderId = 'leader';

export interface LeaderRecord {
  readonly manager: string;
  /** Which process of that name: random. */
  readonly instance: string;
  readonly untilMs: number;
}

/** Which revision each record has, so that a change of somebody else is noticed; each commit renews the leadership with it. */
export class RecordKeeper {
  readonly #store: ManagerStore;
  readonly #known = new Map<string, { readonly revision: number; readonly text: string }>();

  #unreadable: ReadonlySet<string> = new Set();

  constructor(store: ManagerStore) {
    this.#store = store;
  }

  async load(quietFromMs: number): Promise<{
    readonly state: ManagerState;
    readonly unreadable: readonly UnreadableRecord[];
    readonly leader: LeaderRecord | undefined;
  }> {
    const records = await this.#store.load();
    this.#known.clear();
    for (const { area, id, revision, document } of records) this.#known.set(`${area}/${id}`, { revision, text: JSON.stringify(document) });
    const { state, unreadable } = stateOf(records, quietFromMs);
    this.#unreadable = new Set(unreadable.map(({ area, id }) => `${area}/${id}`));
    return { state: { ...state, memory: { ...state.memory, unreadable: this.#unreadable } }, unreadable, leader: leaderOf(records) };
  }

  /** What the draft changes; nothing where it only touched. */
  changesOf(draft: Draft): RecordChange[] {
    const { state } = draft;
    const changes: RecordChange[] = [];
    for (const [area, ids] of draft.touched) for (const id of ids) this.#add(changes, area, id, documentOf(state, area, id));
    return changes;
  }

  #add(changes: RecordChange[], area: RecordArea, id: string, document: Readonly<Record<string, unknown>> | undefined): void {
    // What another virtdom wrote and this one cannot read stays as it is.
    if (this.#unreadable.has(`${area}/${id}`)) return;
    const known = this.#known.get(`${area}/${id}`);
    if (document === undefined) {
      if (known !== undefined) changes.push({ area, id, revision: known.revision });
      return;
    }
    if (known?.text === JSON.stringify(document)) return;
    changes.push({ area, id, revision: known?.revision ?? 0, document });
  }

  leaderChange(leader: LeaderRecord): RecordChange {
    const revision = this.#known.get(`leader/${leaderId}`)?.revision ?? 0;
    return { area: 'leader', id: leaderId, revision, document: { ...leader } };
  }

  /** @returns false where somebody else has changed one of them: nothing is written then. */
  async commit(changes: readonly RecordChange[], nowMs: number): Promise<boolean> {
    const outcome = await this.#store.commit(changes, nowMs);
    if (outcome.kind === 'conflict') return false;
    for (const { area, id, revision, document } of changes) {
      if (document === undefined) this.#known.delete(`${area}/${id}`);
      else this.#known.set(`${area}/${id}`, { revision: revision + 1, text: JSON.stringify(document) });
    }
    return true;
  }
}

function leaderOf(records: readonly ManagerRecord[]): LeaderRecord | undefined {
  const document = records.find(({ area, id }) => area === 'leader' && id === leaderId)?.document;
  const manager = document?.['manager'];
  const instance = document?.['instance'];
  const untilMs = document?.['untilMs'];
  if (typeof manager !== 'string' || typeof untilMs !== 'number') return undefined;
  return { manager, untilMs, instance: typeof instance === 'string' ? instance : '' };
}
