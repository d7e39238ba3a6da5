import { afterAll, beforeAll } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import type { StoreUnderTest } from './store-contract.ts';

/** One database for all rows of a contract, since a new one for each takes half a second: rows use names of their own. */
export class SharedStore {
  #under: StoreUnderTest | undefined;
  #store: Store | undefined;

  /** Called in a `describe`. */
  constructor(make: () => Promise<StoreUnderTest>) {
    beforeAll(async () => {
      this.#under = await make();
      this.#store = await this.#under.open();
    });
    afterAll(async () => {
      await this.#store?.close();
      await this.#under?.remove();
    });
  }

  get now(): Store {
    if (this.#store === undefined) throw new Error('the store is opened before the first test');
    return this.#store;
  }

  async reopen(): Promise<void> {
    await this.now.close();
    this.#store = await this.#under?.open();
  }
}

/** What a database likes to spoil: quotes, line ends, backslashes, letters beyond ASCII and beyond 16 bits, a zero, wild cards. */
export const odd = `o'Hara "x" \\ %_ \r\n\t Grüße 電源 🖥 \u{1d11e} \u0000 $1 ?`;
/** More than 2^31 milliseconds, as all of ours are. */
export const atMs = Date.UTC(2026, 10, 22);
