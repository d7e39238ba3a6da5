import type { Blame } from './engine.ts';

/** How many writes shared how many transactions. */
export interface CommitCounts {
  readonly transactions: number;
  readonly writes: number;
}

interface Queued<Handle> {
  readonly write: (handle: Handle) => Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** More of them would make those at the end of a group wait for long, and hold locks for long. */
const largestGroup = 500;
/** Of writes that wait; more are refused, or a database that hangs would fill the memory. */
const longestQueue = 20_000;
const triesAgainstChance = 5;

/**
 * Group commit: writes that come while a transaction is being written wait and share the next one, in their order.
 * `transact` runs its body in one transaction and resolves once that is on disk.
 */
export class GroupCommit<Handle> {
  readonly #transact: (body: (handle: Handle) => Promise<void>) => Promise<void>;
  readonly #blame: (error: unknown) => Blame;
  #queue: Queued<Handle>[] = [];
  #draining: Promise<void> | undefined;
  #transactions = 0;
  #writes = 0;

  constructor(transact: (body: (handle: Handle) => Promise<void>) => Promise<void>, blame: (error: unknown) => Blame) {
    this.#transact = transact;
    this.#blame = blame;
  }

  get counts(): CommitCounts {
    return { transactions: this.#transactions, writes: this.#writes };
  }

  /** Resolves when the write is on disk; rejects with the error of this write alone, not of another of its group. */
  commit<Result>(write: (handle: Handle) => Promise<Result>): Promise<Result> {
    if (this.#queue.length >= longestQueue) return Promise.reject(new Error(`${longestQueue} writes wait already`));
    return new Promise((resolve, reject) => {
      this.#queue.push({ write, resolve: (result) => resolve(result as Result), reject });
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
      await this.#write(this.#queue.splice(0, largestGroup));
    }
    this.#draining = undefined;
  }

  async #write(group: readonly Queued<Handle>[], triesLeft = triesAgainstChance): Promise<void> {
    const results: unknown[] = [];
    try {
      this.#transactions++;
      await this.#transact(async (handle) => {
        for (const { write } of group) results.push(await write(handle));
      });
      this.#writes += group.length;
      group.forEach(({ resolve }, index) => resolve(results[index]));
    } catch (error) {
      await this.#failed(group, error, triesLeft);
    }
  }

  async #failed(group: readonly Queued<Handle>[], error: unknown, triesLeft: number): Promise<void> {
    const blame = this.#blame(error);
    if (blame === 'chance' && triesLeft > 0) await this.#write(group, triesLeft - 1);
    else if (group.length === 1 || blame !== 'statement') for (const { reject } of group) reject(error);
    // One of them spoiled it for all: each gets a transaction of its own, and the right one its error.
    else for (const queued of group) await this.#write([queued]);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
