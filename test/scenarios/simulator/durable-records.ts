import type { Clock } from '../../../src/clock.ts';
import type { ManagerRecord, ManagerStore, RecordChange, RecordOutcome } from '../../../src/manager/manager-store.ts';
import type { ProcessClock } from './process-clock.ts';

export type StoreFault = 'fail' | 'slow' | 'lose-answer';

/** Is asked at both sides of a commit; may kill who commits. */
export type CommitTrap = (when: 'before' | 'after', changes: readonly RecordChange[]) => void;

const writeMs = 2;
const answerMs = 1;
const slowMs = 8000;

/** The database that all managers share: it outlives them. Commits are all or nothing and take a little time. */
export class DurableRecords {
  readonly #clock: Clock;
  readonly #records = new Map<string, ManagerRecord>();
  readonly #followers = new Map<string, () => void>();

  #forgetful = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  all(): readonly ManagerRecord[] {
    return [...this.#records.values()];
  }

  area(area: ManagerRecord['area']): readonly ManagerRecord[] {
    return this.all().filter((record) => record.area === area);
  }

  get(area: ManagerRecord['area'], id: string): ManagerRecord | undefined {
    return this.#records.get(`${area}/${id}`);
  }

  /** From now on a VM whose host was lost is loaded without its claims: what a database does that was set back. */
  forgetClaims(): void {
    this.#forgetful = true;
  }

  /** How one manager sees it. */
  storeOf(name: string, process: ProcessClock, faults: { next: () => StoreFault | undefined; trap: CommitTrap }): ManagerStore {
    const wait = (ms: number) => new Promise<void>((resolve) => this.#clock.after(ms, resolve));
    const commit = async (changes: readonly RecordChange[], nowMs: number): Promise<RecordOutcome> => {
      const frozen = structuredClone(changes);
      faults.trap('before', frozen);
      if (!process.alive) return await new Promise(() => {});
      const fault = faults.next();
      await wait(fault === 'slow' ? slowMs : writeMs);
      if (fault === 'fail') throw new Error('the database does not answer');
      const outcome = this.#apply(frozen, nowMs, name);
      if (outcome.kind === 'done') faults.trap('after', frozen);
      await wait(answerMs);
      if (fault === 'lose-answer') throw new Error('the connection to the database was lost');
      return outcome;
    };
    return {
      load: async () => await process.hear(wait(writeMs).then(() => this.#loaded())),
      commit: async (changes, nowMs) => {
        if (!process.alive) return await new Promise(() => {});
        return await process.hear(commit(changes, nowMs));
      },
      prune: async (beforeMs) => await process.hear(wait(writeMs).then(() => this.#prune(beforeMs))),
      follow: (listener) => void this.#followers.set(name, () => process.run(listener)),
    };
  }

  #loaded(): readonly ManagerRecord[] {
    const all = structuredClone(this.all());
    if (!this.#forgetful) return all;
    return all.map((record) =>
      record.area === 'vm' ? Object.assign(record, { document: { ...record.document, state: 'waiting', claims: [] } }) : record,
    );
  }

  #apply(changes: readonly RecordChange[], nowMs: number, by: string): RecordOutcome {
    const conflicts = changes
      .map(({ area, id, revision }) => ({ area, id, revision: this.get(area, id)?.revision ?? 0, expected: revision }))
      .filter(({ revision, expected }) => revision !== expected);
    if (conflicts.length > 0) return { kind: 'conflict', records: conflicts.map(({ area, id, revision }) => ({ area, id, revision })) };
    for (const { area, id, revision, document } of changes) {
      const key = `${area}/${id}`;
      if (document === undefined) this.#records.delete(key);
      else this.#records.set(key, { area, id, revision: revision + 1, document, updatedMs: nowMs });
    }
    for (const [name, tell] of this.#followers) if (name !== by) this.#clock.after(answerMs, tell);
    return { kind: 'done' };
  }

  #prune(beforeMs: number): number {
    const old = this.area('command').filter(({ document }) => Number(document['endedMs'] ?? Infinity) < beforeMs);
    for (const record of old.slice(0, 500)) this.#records.delete(`command/${record.id}`);
    return Math.min(old.length, 500);
  }
}
