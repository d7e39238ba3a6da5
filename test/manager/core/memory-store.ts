import type { ManagerRecord, ManagerStore, RecordChange, RecordOutcome } from '../../../src/manager/manager-store.ts';

/** Records in memory, shared by the managers of a test. Commits wait while it is held, and fail while it is broken. */
export class MemoryRecords implements ManagerStore {
  readonly records = new Map<string, ManagerRecord>();
  broken = false;
  #held: (() => void)[] | undefined;
  readonly #followers: (() => void)[] = [];

  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  document(area: string, id: string): Readonly<Record<string, unknown>> | undefined {
    return this.records.get(`${area}/${id}`)?.document;
  }

  load(): Promise<readonly ManagerRecord[]> {
    return Promise.resolve([...this.records.values()]);
  }

  async commit(changes: readonly RecordChange[], nowMs: number): Promise<RecordOutcome> {
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
    if (this.broken) throw new Error('the database is away');
    const stale = changes.filter(({ area, id, revision }) => (this.records.get(`${area}/${id}`)?.revision ?? 0) !== revision);
    if (stale.length > 0) return { kind: 'conflict', records: stale };
    for (const { area, id, revision, document } of changes) {
      if (document === undefined) this.records.delete(`${area}/${id}`);
      else this.records.set(`${area}/${id}`, { area, id, revision: revision + 1, document, updatedMs: nowMs });
    }
    for (const follow of this.#followers) follow();
    return { kind: 'done' };
  }

  prune(): Promise<number> {
    return Promise.resolve(0);
  }

  follow(listener: () => void): void {
    this.#followers.push(listener);
  }
}
