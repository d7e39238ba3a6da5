import type { Log } from '../log.ts';
import type { RedeemedBoot } from '../model/host-boot-store.ts';
import type { Attempt } from './attempt.ts';
import type { AttemptStore, Redeemed } from './attempt-store.ts';

/** Writes attempts soon, once for all that changes meanwhile: rendering and the store stay off the way of the packet. */
export class AttemptWriter {
  readonly #store: AttemptStore;
  readonly #log: Log;
  readonly #saving = new Map<string, Promise<void>>();
  readonly #unsaved = new Set<Attempt>();
  /** Each is written with its boot next, and not before. */
  readonly #redeeming = new Set<Attempt>();

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

  /** Writes it now, behind what is being written of it, with the boot that it proves. Rejects where that cannot be done. */
  async redeem(attempt: Attempt, boot: RedeemedBoot | undefined): Promise<Redeemed> {
    this.#redeeming.add(attempt);
    for (let before = this.#saving.get(attempt.id); before !== undefined; before = this.#saving.get(attempt.id)) await before;
    this.#unsaved.delete(attempt);
    const redeemed = this.#store.redeem(attempt.toStored(), boot);
    const done = (): void => void this.#redeeming.delete(attempt);
    this.#saveWith(attempt, redeemed.then(done, done));
    return redeemed;
  }

  /** Resolves when nothing is left to write. */
  async idle(): Promise<void> {
    while (this.#saving.size > 0 || this.#unsaved.size > 0) {
      for (const attempt of this.#unsaved) if (!this.#saving.has(attempt.id)) this.#write(attempt);
      await Promise.all(this.#saving.values());
    }
  }

  #write(attempt: Attempt): void {
    if (this.#redeeming.has(attempt) || !this.#unsaved.delete(attempt)) return;
    const failed = (error: unknown): void => this.#log.error({ err: error, attempt: attempt.id }, 'the boot attempt could not be stored');
    this.#saveWith(attempt, this.#store.save(attempt.toStored()).catch(failed));
  }

  #saveWith(attempt: Attempt, written: Promise<void>): void {
    const settled = written.then(() => {
      this.#saving.delete(attempt.id);
      this.#write(attempt);
    });
    this.#saving.set(attempt.id, settled);
  }
}
