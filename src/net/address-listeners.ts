import type { Log } from '../log.ts';
import type { Ipv4 } from '../model/ipv4.ts';

export interface AddressListenersParts<Listener> {
  /** Of the protocol, for people: `TFTP`. */
  readonly name: string;
  readonly port: number;
  readonly log: Log;
  readonly listen: (address: Ipv4) => Promise<Listener>;
  /** Ends what goes on at the address and closes its listener. */
  readonly leave: (address: Ipv4, listener: Listener) => Promise<void>;
}

/**
 * One listener for each of our addresses, so that an answer leaves from the address that was asked: Node does not say
 * which one a packet came to. Follows the addresses of the machine.
 */
export class AddressListeners<Listener> {
  readonly #parts: AddressListenersParts<Listener>;
  readonly #listeners = new Map<Ipv4, Listener>();
  #changes: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(parts: AddressListenersParts<Listener>) {
    this.#parts = parts;
  }

  entries(): readonly (readonly [Ipv4, Listener])[] {
    return [...this.#listeners];
  }

  /** Rejects with the first address that cannot be bound; then none is. */
  async start(addresses: readonly Ipv4[]): Promise<void> {
    try {
      for (const address of addresses) this.#listeners.set(address, await this.#parts.listen(address));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** An address that is gone is left; a new one that cannot be bound is logged and left out. */
  setAddresses(addresses: readonly Ipv4[]): Promise<void> {
    const change = this.#changes.then(() => this.#follow(addresses));
    // The caller hears of a failure; the next change must not.
    this.#changes = change.catch(() => {});
    return change;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#changes;
    await Promise.all([...this.#listeners.keys()].map((address) => this.#leave(address)));
  }

  async #follow(addresses: readonly Ipv4[]): Promise<void> {
    if (this.#closed) return;
    const { name, port, log, listen } = this.#parts;
    for (const address of this.#listeners.keys()) if (!addresses.includes(address)) await this.#leave(address);
    for (const address of addresses) {
      if (this.#listeners.has(address)) continue;
      try {
        this.#listeners.set(address, await listen(address));
        log.info({ address, port }, `${name} listens on a new address`);
      } catch (error) {
        log.error({ address, port, err: error }, `${name} cannot listen on a new address`);
      }
    }
  }

  async #leave(address: Ipv4): Promise<void> {
    const listener = this.#listeners.get(address);
    if (listener === undefined) return;
    this.#listeners.delete(address);
    await this.#parts.leave(address, listener);
  }
}
