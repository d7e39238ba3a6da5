/** How many writes shared how many transactions. */
export interface CommitCounts {
  readonly transactions: number;
  readonly writes: number;
}

interface Queued<Handle> {
  readonly write: (handle: Handle) => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: writes that come while a transaction is being written wait and share the next one, in their order.
 * `transact` runs its body in one transaction and resolves once that is on disk.
 */
export class GroupCommit<Handle> {
  readonly #transact: (body: (handle: Handle) => Promise<void>) => Promise<void>;
  #queue: Queued<Handle>[] = [];
  #draining: Promise<void> | undefined;
  #transactions = 0;
  #writes = 0;

  constructor(transact: (body: (handle: Handle) => Promise<void>) => Promise<void>) {
    this.#transact = transact;
  }

  get counts(): CommitCounts {
    return { transactions: this.#transactions, writes: this.#writes };
  }

  /** Resolves when the write is on disk; rejects with the error of this write alone, not of another of its group. */
  commit(write: (handle: Handle) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ write, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nothing is queued or being written. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // A turn of the event loop: SQLite blocks this thread while it writes, and only now are the messages read that came meanwhile.
    for (await nextTurn(); this.#queue.length > 0; await nextTurn()) {
      const group = this.#queue;
      this.#queue = [];
      await this.#write(group);
    }
    this.#draining = undefined;
  }

  async #write(group: readonly Queued<Handle>[]): Promise<void> {
    try {
      this.#transactions++;
      await this.#transact(async (handle) => {
        for (const { write } of group) await write(handle);
      });
      this.#writes += group.length;
      for (const { resolve } of group) resolve();
    } catch (error) {
      const [first] = group;
      if (group.length === 1) first?.reject(error);
      // One of them spoiled it for all: each gets a transaction of its own, and the right one its error.
      else for (const queued of group) await this.#write([queued]);
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
