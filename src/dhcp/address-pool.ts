import { DeclinedAddresses } from './declined-addresses.ts';

/** Addresses one after the other, upwards or downwards. */
interface Run {
  readonly next: number;
  readonly last: number;
}

/** Jumps cut runs in two; more pieces help nobody. */
const maxRuns = 64;

/**
 * Which address of a range to give next. Takes a constant time for each address: never-used ones in order, then those given
 * back longest ago. What cannot be given now is set aside and looked at again when everything else is used up.
 *
 * Beside other servers on the same leases, each begins at another `place` and prefers the half that begins there, so that two
 * do not offer one address at the same time; the other half is used from its far end.
 */
export class AddressPool {
  readonly first: number;
  readonly last: number;
  /** Not to be given while there are others. */
  readonly declined = new DeclinedAddresses();
  readonly #start: number;
  /** How many from `#start` on, around the end of the range, are preferred. */
  readonly #ownCount: number;
  #unused: Run[];
  /** Insertion order is the order of giving back. */
  readonly #returned = new Set<number>();
  readonly #returnedElsewhere = new Set<number>();
  /** Probed ahead of time and found silent. */
  readonly #ready = new Set<number>();
  /** Being probed: the last to be given, but given rather than none. */
  readonly #probing = new Set<number>();
  #aside: number[] = [];

  /** @param place from 0 up to 1, where there are other servers */
  constructor(first: number, last: number, place?: number) {
    this.first = first;
    this.last = last;
    const size = Math.max(0, last - first + 1);
    this.#start = first + Math.floor((place ?? 0) * size);
    this.#ownCount = place === undefined ? size : Math.ceil(size / 2);
    this.#unused = runsFrom(this.#start, this.#ownCount, this);
  }

  contains(address: number): boolean {
    return address >= this.first && address <= this.last;
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  /**
   * The next address for which `isFree` holds; `undefined` when there is none. The caller must use it or give it back.
   * @param hadBefore whose holder may come back for it: given after those that nobody ever had
   */
  take(isFree: (address: number) => boolean, hadBefore: (address: number) => boolean): number | undefined {
    return this.#takeFrom(() => shift(this.#ready) ?? this.#unprobed(hadBefore) ?? shift(this.#probing), isFree);
  }

  /** The next address to probe; its answer is told to `probed`. Nobody has to wait for that: `take` may give it before. */
  takeForProbe(isFree: (address: number) => boolean, hadBefore: (address: number) => boolean): number | undefined {
    const address = this.#takeFrom(() => this.#unprobed(hadBefore), isFree);
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
    if (!this.contains(address) || this.#unused.some((run) => isIn(run, address))) return;
    (this.#isOwn(address) ? this.#returned : this.#returnedElsewhere).add(address);
  }

  /** Somebody got it past `take`: by a reservation, by name, or back after a restart. */
  use(address: number): void {
    this.#returned.delete(address);
    this.#returnedElsewhere.delete(address);
    this.#ready.delete(address);
    this.#probing.delete(address);
  }

  /** Lets the addresses that were set aside come up again. */
  reconsider(): void {
    for (const address of this.#aside) this.giveBack(address);
    this.#aside = [];
  }

  /** Another server is at the same place: goes on in the middle of what is left, and comes back here later. */
  jump(): void {
    for (const address of this.#ready) this.giveBack(address);
    this.#ready.clear();
    const [run, ...others] = this.#unused;
    if (run === undefined || run.next === run.last || this.#unused.length >= maxRuns) return;
    const step = Math.sign(run.last - run.next);
    const middle = run.next + step * Math.ceil(Math.abs(run.last - run.next) / 2);
    this.#unused = [{ next: middle, last: run.last }, ...others, { next: run.next, last: middle - step }];
  }

  #takeFrom(next: () => number | undefined, isFree: (address: number) => boolean): number | undefined {
    for (let address = next(); address !== undefined; address = next()) {
      if (isFree(address)) return address;
      this.#aside.push(address);
    }
    return undefined;
  }

  #unprobed(hadBefore: (address: number) => boolean): number | undefined {
    for (let address = this.#nextUnused(); address !== undefined; address = this.#nextUnused()) {
      if (!hadBefore(address)) return address;
      this.giveBack(address);
    }
    return shift(this.#returned) ?? shift(this.#returnedElsewhere);
  }

  #nextUnused(): number | undefined {
    const [run, ...others] = this.#unused;
    if (run === undefined) return undefined;
    const { next, last } = run;
    this.#unused = next === last ? others : [{ next: next + Math.sign(last - next), last }, ...others];
    return next;
  }

  #isOwn(address: number): boolean {
    const behind = address - this.#start;
    return (behind < 0 ? behind + (this.last - this.first + 1) : behind) < this.#ownCount;
  }
}

/** All addresses: `count` upwards from `start`, around the end of the range, then the others downwards. */
function runsFrom(start: number, count: number, { first, last }: { readonly first: number; readonly last: number }): Run[] {
  const end = start + count - 1;
  const beyond = Math.max(0, end - last);
  return [
    ...upwards(start, Math.min(end, last)),
    ...upwards(first, first + beyond - 1),
    ...downwards(first + beyond, start - 1),
    ...downwards(end + 1, last),
  ];
}

function upwards(low: number, high: number): Run[] {
  return low <= high ? [{ next: low, last: high }] : [];
}

function downwards(low: number, high: number): Run[] {
  return low <= high ? [{ next: high, last: low }] : [];
}

function isIn({ next, last }: Run, address: number): boolean {
  return address >= Math.min(next, last) && address <= Math.max(next, last);
}

function shift(set: Set<number>): number | undefined {
  for (const address of set) {
    set.delete(address);
    return address;
  }
  return undefined;
}
