interface Entry {
  readonly atMs: number;
  readonly address: number;
}

/** Which leases run out next: a binary heap with one entry an address. */
export class ExpiryQueue {
  readonly #heap: Entry[] = [];
  readonly #queued = new Set<number>();

  /** Does nothing for an address that is queued already: the caller looks at the lease when its entry falls due. */
  add(address: number, atMs: number): void {
    if (this.#queued.has(address)) return;
    this.#queued.add(address);
    this.#rise({ atMs, address }, this.#heap.push({ atMs, address }) - 1);
  }

  /** Takes out one address whose time has come. */
  popDue(nowMs: number): number | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    this.#queued.delete(first.address);
    return first.address;
  }

  #rise(entry: Entry, from: number): void {
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#heap[parentAt];
      if (parent === undefined || parent.atMs <= entry.atMs) break;
      this.#heap[at] = parent;
      at = parentAt;
    }
    this.#heap[at] = entry;
  }

  #sink(entry: Entry): void {
    let at = 0;
    for (;;) {
      const childAt = this.#smallerChild(at);
      const child = this.#heap[childAt];
      if (child === undefined || child.atMs >= entry.atMs) break;
      this.#heap[at] = child;
      at = childAt;
    }
    this.#heap[at] = entry;
  }

  #smallerChild(at: number): number {
    const left = this.#heap[2 * at + 1];
    const right = this.#heap[2 * at + 2];
    return left !== undefined && right !== undefined && right.atMs < left.atMs ? 2 * at + 2 : 2 * at + 1;
  }
}
