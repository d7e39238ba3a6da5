import type { Mac } from '../model/mac.ts';

interface Offer {
  readonly address: number;
  readonly untilMs: number;
}

/** Addresses promised to clients that have not asked for them yet: in memory only, and for a short time. */
export class OfferTable {
  readonly #holdMs: number;
  /** All are held equally long, so the order of insertion is the order of running out. */
  readonly #byClient = new Map<string, Offer>();
  readonly #holders = new Map<number, string>();

  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  hold(subnet: string, mac: Mac, address: number, nowMs: number): void {
    const client = `${subnet} ${mac}`;
    this.drop(subnet, mac);
    this.#byClient.set(client, { address, untilMs: nowMs + this.#holdMs });
    this.#holders.set(address, client);
  }

  addressFor(subnet: string, mac: Mac): number | undefined {
    return this.#byClient.get(`${subnet} ${mac}`)?.address;
  }

  isHeld(address: number): boolean {
    return this.#holders.has(address);
  }

  /** Forgets the offer and returns its address. */
  drop(subnet: string, mac: Mac): number | undefined {
    return this.#drop(`${subnet} ${mac}`);
  }

  /** Forgets whoever it was offered to; whether there was somebody. */
  dropAddress(address: number): boolean {
    const client = this.#holders.get(address);
    return client !== undefined && this.#drop(client) !== undefined;
  }

  /** Takes out one offer that ran out and returns its address. */
  popExpired(nowMs: number): number | undefined {
    for (const [client, offer] of this.#byClient) return offer.untilMs > nowMs ? undefined : this.#drop(client);
    return undefined;
  }

  #drop(client: string): number | undefined {
    const offer = this.#byClient.get(client);
    if (offer === undefined) return undefined;
    this.#byClient.delete(client);
    if (this.#holders.get(offer.address) === client) this.#holders.delete(offer.address);
    return offer.address;
  }
}
