import type { OneShot } from '../../src/model/one-shot.ts';
import type { ObjectChange, ObjectConflict, ObjectStore, StoredObject, StoreOutcome } from '../../src/machines/object-store.ts';

/** An object store that lives as long as its test, with the rules of a database: revisions, and MACs of one machine. */
export class MemoryObjectStore implements ObjectStore {
  readonly objects = new Map<string, StoredObject>();
  readonly oneShots = new Map<string, OneShot>();
  commits = 0;
  /** Thrown by the next commit. */
  failure: Error | undefined;
  /** Runs before the next commit is looked at: another server that is quicker. */
  meanwhile: (() => void) | undefined;
  beforeOneShot: ((machine: string) => void) | undefined;
  #listener: () => void = () => {};

  load(): ReturnType<ObjectStore['load']> {
    return Promise.resolve(structuredClone({ objects: [...this.objects.values()], oneShots: [...this.oneShots.values()] }));
  }

  async commit(changes: readonly ObjectChange[], author: string, nowMs: number): Promise<StoreOutcome> {
    await Promise.resolve();
    this.meanwhile?.();
    this.meanwhile = undefined;
    if (this.failure !== undefined) throw this.failure;
    const conflicts = changes.flatMap((change) => this.#conflict(change));
    if (conflicts.length > 0) return { kind: 'conflict', conflicts };
    this.commits++;
    const objects = changes.flatMap((change) => this.#apply(change, author, nowMs));
    return structuredClone({ kind: 'done', objects });
  }

  saveOneShot(oneShot: OneShot): Promise<void> {
    this.beforeOneShot?.(oneShot.machine);
    if (!this.objects.has(`Machine/${oneShot.machine}`)) return Promise.reject(new Error('there is no such machine any more'));
    this.oneShots.set(oneShot.machine, structuredClone(oneShot));
    return Promise.resolve();
  }

  deleteOneShot(id: string): Promise<boolean> {
    const found = [...this.oneShots.values()].find((oneShot) => oneShot.id === id);
    return Promise.resolve(found !== undefined && this.oneShots.delete(found.machine));
  }

  follow(listener: () => void): void {
    this.#listener = listener;
  }

  /** What another server on the same database does. */
  fromElsewhere(changes: readonly ObjectChange[], author: string, nowMs: number): void {
    for (const change of changes) this.#apply(change, author, nowMs);
    this.#listener();
  }

  #conflict({ kind, name, revision }: ObjectChange): ObjectConflict[] {
    const current = this.objects.get(`${kind}/${name}`);
    return (current?.revision ?? 0) === revision ? [] : [{ kind, name, revision: current?.revision ?? 0 }];
  }

  #apply({ kind, name, revision, document }: ObjectChange, updatedBy: string, updatedMs: number): StoredObject[] {
    const key = `${kind}/${name}`;
    if (document === undefined) {
      this.objects.delete(key);
      if (kind === 'Machine') this.oneShots.delete(name);
      return [];
    }
    const createdMs = this.objects.get(key)?.createdMs ?? updatedMs;
    const object = { kind, name, revision: revision + 1, document: structuredClone(document), createdMs, updatedMs, updatedBy };
    this.objects.set(key, object);
    return [object];
  }
}
