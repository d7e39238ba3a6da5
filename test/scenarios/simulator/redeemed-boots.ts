import type { Clock } from '../../../src/clock.ts';
import type { HostBoot } from '../../../src/model/host.ts';
import type { HostBootStore } from '../../../src/model/host-boot-store.ts';

/** The boots that said hello, as durable as the database. */
export class RedeemedBoots implements HostBootStore {
  readonly #clock: Clock;
  readonly #byAttempt = new Map<string, HostBoot>();
  readonly #newest = new Map<string, HostBoot>();
  readonly #listeners = new Set<(boot: HostBoot) => void>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  newest(machine: string): HostBoot | undefined {
    return this.#newest.get(machine);
  }

  subscribe(listener: (boot: HostBoot) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async load(): Promise<readonly HostBoot[]> {
    return [...this.#newest.values()];
  }

  async add(hello: Omit<HostBoot, 'boot'>): Promise<HostBoot> {
    await new Promise<void>((resolve) => this.#clock.after(2, resolve));
    const known = this.#byAttempt.get(hello.attempt);
    if (known !== undefined) return known;
    const boot: HostBoot = { ...hello, boot: ++this.#count };
    this.#byAttempt.set(boot.attempt, boot);
    this.#newest.set(boot.machine, boot);
    for (const listener of this.#listeners) listener(boot);
    return boot;
  }

  prune(): Promise<number> {
    return Promise.resolve(0);
  }

  follow(): void {}
}
