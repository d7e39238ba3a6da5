import { DeclinedAddresses } from './declined-addresses.ts';

/**
 * Which address of a range to give next. Takes a constant time for each address: never-used ones in order, then those given
 * back longest ago. What cannot be given now is set aside and looked at again when everything else is used up.
 */
export class AddressPool {
  readonly first: number;
  readonly last: number;
  /** Not to be given while there are others. */
  readonly declined = new DeclinedAddresses();
  #unused: number;
  /** Insertion order is the order of giving back. */
  readonly #returned = new Set<number>();
  /** Probed ahead of time and found silent. */
  readonly #ready = new Set<number>();
  /** Being probed: the last to be given, but given rather than none. */
  readonly #probing = new Set<number>();
  #aside: number[] = [];

  constructor(first: number, last: number) {
    this.first = first;
    this.last = last;
    this.#unused = first;
  }

  contains(address: number): boolean {
    return address >= this.first && address <= this.last;
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  /** The next address for which `isFree` holds; `undefined` when there is none. The caller must use it or give it back. */
  take(isFree: (address: number) => boolean): number | undefined {
    return this.#takeFrom(() => this.#shift(this.#ready) ?? this.#unprobed() ?? this.#shift(this.#probing), isFree);
  }

  /** The next address to probe; its answer is told to `probed`. Nobody has to wait for that: `take` may give it before. */
  takeForProbe(isFree: (address: number) => boolean): number | undefined {
    const address = this.#takeFrom(() => this.#unprobed(), isFree);
    if (address !== undefined) this.#probing.add(address);
    return address;
  }

  /** An address that answered comes up again once the rest is used up. */
  probed(address: number, answered: boolean): void {
    if (!this.#probing.delete(address)) return; // given away meanwhile
    if (answered) this.#aside.push(address);
    else this.#ready.add(address);
  }

  /** Nobody has it any more. */
  giveBack(address: number): void {
    if (this.contains(address) && address < this.#unused) this.#returned.add(address);
  }

  /** Somebody got it past `take`: by a reservation, by name, or back after a restart. */
  use(address: number): void {
    this.#returned.delete(address);
    this.#ready.delete(address);
    this.#probing.delete(address);
  }

  /** Lets the addresses that were set aside come up again. */
  reconsider(): void {
    for (const address of this.#aside) this.#returned.add(address);
    this.#aside = [];
  }

  #takeFrom(next: () => number | undefined, isFree: (address: number) => boolean): number | undefined {
    for (let address = next(); address !== undefined; address = next()) {
      if (isFree(address)) return address;
      this.#aside.push(address);
    }
    return undefined;
  }

  #unprobed(): number | undefined {
    return this.#unused <= this.last ? this.#unused++ : this.#shift(this.#returned);
  }

  #shift(set: Set<number>): number | undefined {
    for (const address of set) {
      set.delete(address);
      return address;
    }
    return undefined;
  }
}
