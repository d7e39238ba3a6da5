import type { BusState } from './bus.ts';

type StateListener = (state: BusState) => void;

/** The state of a bus, told to who wants to know it, each change once. */
export class ConnectionState {
  readonly #listeners = new Set<StateListener>();
  #current: BusState = { kind: 'disconnected', reason: 'not connected yet' };

  get current(): BusState {
    return this.#current;
  }

  become(state: BusState): void {
    const before = this.#current;
    if (state.kind === 'connected' ? before.kind === 'connected' : before.kind === 'disconnected' && before.reason === state.reason) return;
    this.#current = state;
    for (const listener of this.#listeners) listener(state);
  }

  listen(listener: StateListener): () => void {
    this.#listeners.add(listener);
    listener(this.#current);
    return () => void this.#listeners.delete(listener);
  }
}
