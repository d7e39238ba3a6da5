/** How many addresses of a pool one client can keep out of it at a time. */
const maxPerClient = 8;
/** A pool can be large; the next DISCOVER goes on with the others. */
const lookedAt = 32;

/** The addresses of one pool that clients say are somebody else's, the oldest first. Whoever says so may be wrong, or lie. */
export class DeclinedAddresses {
  readonly #clients = new Map<number, string>();
  readonly #ofClient = new Map<string, Set<number>>();

  /** @returns the oldest address of this client where this is one too many; it is no longer kept here */
  add(address: number, client: string): number | undefined {
    this.delete(address);
    this.#clients.set(address, client);
    const own = this.#ofClient.get(client) ?? new Set();
    this.#ofClient.set(client, own.add(address));
    if (own.size <= maxPerClient) return undefined;
    const [oldest] = own;
    if (oldest !== undefined) this.delete(oldest);
    return oldest;
  }

  delete(address: number): void {
    const client = this.#clients.get(address);
    if (client === undefined) return;
    this.#clients.delete(address);
    const own = this.#ofClient.get(client);
    own?.delete(address);
    if (own?.size === 0) this.#ofClient.delete(client);
  }

  /** Takes out the oldest address for which `fits` holds. */
  take(fits: (address: number) => boolean): number | undefined {
    for (const [address, client] of this.#clients.entries().take(lookedAt)) {
      if (fits(address)) {
        this.delete(address);
        return address;
      }
      this.#clients.delete(address);
      this.#clients.set(address, client);
    }
    return undefined;
  }
}
