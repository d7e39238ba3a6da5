import type { Log } from '../log.ts';
import type { Attempt } from './attempt.ts';
import type { AttemptStore } from './attempt-store.ts';

/** Writes attempts soon, once for all that changes meanwhile: rendering and the store stay off the way of the packet. */
export class AttemptWriter {
  readonly #store: AttemptStore;
  readonly #log: Log;
  readonly #saving = new Map<string, Promise<void>>();
  readonly #unsaved = new Set<Attempt>();

  constructor(store: AttemptStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  save(attempt: Attempt): void {
    if (this.#unsaved.has(attempt)) return;
    this.#unsaved.add(attempt);
    setImmediate(() => {
      if (!this.#saving.has(attempt.id)) this.#write(attempt);
    });
  }

  /** Resolves when all that is known of the attempt by then is written. */
  async saved(attempt: Attempt): Promise<void> {
    for (;;) {
      const written = this.#saving.get(attempt.id);
      if (written !== undefined) await written;
      else if (this.#unsaved.has(attempt)) this.#write(attempt);
      else return;
    }
  }

  /** Resolves when nothing is left to write. */
  async idle(): Promise<void> {
    while (this.#saving.size > 0 || this.#unsaved.size > 0) {
      await Promise.all([...this.#unsaved].map((attempt) => this.saved(attempt)));
      await Promise.all(this.#saving.values());
    }
  }

  #write(attempt: Attempt): void {
    if (!this.#unsaved.delete(attempt)) return;
    const written = this.#store
      .save(attempt.toStored())
      .catch((error: unknown) => this.#log.error({ err: error, attempt: attempt.id }, 'the boot attempt could not be stored'))
      .then(() => {
        this.#saving.delete(attempt.id);
        this.#write(attempt);
      });
    this.#saving.set(attempt.id, written);
  }
}
