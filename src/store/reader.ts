import type { Log } from '../log.ts';
import type { StoreError } from './store-error.ts';
import type { StoreThread } from './store-thread.ts';

/** The reading thread, or the next one: a listing that was too much for it must not end the service. */
export class Reader {
  readonly #open: () => Promise<StoreThread>;
  readonly #log: Log;
  #thread: Promise<StoreThread> | undefined;
  #closed: StoreError | undefined;

  constructor(open: () => Promise<StoreThread>, log: Log) {
    this.#open = open;
    this.#log = log;
  }

  async start(): Promise<StoreThread> {
    const opening = (this.#thread ??= this.#open());
    try {
      return await opening;
    } catch (error) {
      if (this.#thread === opening) this.#thread = undefined;
      throw error;
    }
  }

  died(error: StoreError): void {
    this.#log.error({ reason: error.message }, 'the reader of the store died; the next reading starts another one');
    this.#thread = undefined;
  }

  async run(group: 'reads' | 'expired', area: string, name: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#closed !== undefined) throw this.#closed;
    const thread = await this.start();
    return thread.run(group, area, name, args);
  }

  async close(reason: StoreError): Promise<void> {
    this.#closed = reason;
    // One that cannot be opened needs no closing.
    const thread = await this.#thread?.catch(() => undefined);
    await thread?.close();
  }
}
