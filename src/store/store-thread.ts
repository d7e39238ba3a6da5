import { Worker } from 'node:worker_threads';
import { ThreadLink } from '../thread.ts';
import type { CommitCounts } from './group-commit.ts';
import { StoreError } from './store-error.ts';
import type { CallGroup, StoreCalls, StoreNotices, StoreWorkerData } from './worker-calls.ts';

/** The calls as ThreadLink wants them: a mapped type has an index signature, an interface has none. */
type Mapped<Calls> = { [Name in keyof Calls]: Calls[Name] };

export interface StoreThreadParts {
  /** Of the thread. */
  readonly program: URL;
  readonly data: StoreWorkerData;
  /** Of the database, as errors may show it. */
  readonly name: string;
  readonly notices: StoreNotices;
  /** It died by itself after it was open: every call rejects with this error. */
  readonly onDeath: (error: StoreError) => void;
}

/** A thread with a connection to the database, seen from the control thread. */
export class StoreThread {
  readonly applied: readonly string[];
  readonly #worker: Worker;
  readonly #link: ThreadLink<Mapped<StoreCalls>>;
  readonly #name: string;
  readonly #exited: Promise<void>;
  #state: 'opening' | 'open' | 'closing' = 'opening';

  /** Throws StoreError. */
  static async open(parts: StoreThreadParts): Promise<StoreThread> {
    const applied: string[] = [];
    const thread = new StoreThread(parts, applied);
    const opened = await thread.#link.call('open');
    if (!opened.ok) {
      const error = new StoreError(opened.code, `cannot open the database ${parts.name}: ${opened.message}`);
      await thread.#stop(error);
      throw error;
    }
    applied.push(...opened.applied);
    thread.#state = 'open';
    return thread;
  }

  private constructor({ program, data, name, notices, onDeath }: StoreThreadParts, applied: readonly string[]) {
    this.applied = applied;
    this.#name = name;
    this.#worker = new Worker(program, { workerData: data, name: `store ${data.use}` });
    this.#link = new ThreadLink(this.#worker, notices satisfies Mapped<StoreNotices> as Mapped<StoreNotices>);
    this.#exited = new Promise((resolve) => {
      let cause: unknown;
      this.#worker.on('error', (error) => void (cause = error));
      this.#worker.on('exit', (code) => {
        resolve();
        if (this.#state === 'closing') return;
        const reason = cause instanceof Error ? cause.message : `exit code ${code}`;
        const what = data.use === 'write' ? 'writes' : 'reads';
        const next = data.use === 'write' ? 'Restart virtdom' : 'The next reader starts by itself';
        const error = new StoreError('store-crashed', `the thread that ${what} ${name} died: ${reason}. ${next}`, { cause });
        this.#link.close(error);
        if (this.#state === 'open') onDeath(error);
      });
    });
  }

  /** Errors lose their class between threads: gives them the store's again, with the database and the function they are about. */
  async run(group: CallGroup, area: string, name: string, args: readonly unknown[]): Promise<unknown> {
    try {
      return await this.#link.call('run', group, area, name, args);
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      const writing = group === 'writes' || group === 'remove';
      const what = `${writing ? 'writing' : 'reading'} ${this.#name} failed (${area}.${name})`;
      throw new StoreError(writing ? 'store-write' : 'store-read', `${what}: ${(cause as Error).message}`, { cause });
    }
  }

  counts(): Promise<CommitCounts> {
    return this.#link.call('counts');
  }

  /** Writes what is queued. Later calls are refused. */
  async close(): Promise<void> {
    if (this.#state === 'closing') return this.#exited;
    this.#state = 'closing';
    try {
      await this.#link.call('close');
    } finally {
      await this.#stop(new StoreError('store-closed', `the store of ${this.#name} is closed`));
    }
  }

  async #stop(reason: StoreError): Promise<void> {
    this.#state = 'closing';
    this.#link.close(reason);
    await this.#worker.terminate();
    await this.#exited;
  }
}
