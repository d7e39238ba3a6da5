import type { Clock, Timer } from './clock.ts';
import type { Log } from './log.ts';
import type { HostBoot } from './model/host.ts';
import type { HostBootStore } from './model/host-boot-store.ts';

export interface HostBootsParts {
  readonly store: HostBootStore;
  readonly clock: Clock;
  readonly log: Log;
}

const reloadAgainMs = 1_000;

/** The newest boot that each machine has proved, in memory: by it an older one is known to be over. */
export class HostBoots {
  readonly #parts: HostBootsParts;
  readonly #newest = new Map<string, HostBoot>();
  readonly #listeners = new Set<(boot: HostBoot) => void>();
  #latest = 0;
  #again: Timer | undefined;
  #closed = false;

  private constructor(parts: HostBootsParts) {
    this.#parts = parts;
  }

  static async open(parts: HostBootsParts): Promise<HostBoots> {
    const boots = new HostBoots(parts);
    for (const boot of await parts.store.load()) boots.#take(boot);
    parts.store.follow(() => void boots.#reload());
    return boots;
  }

  newest(machine: string): HostBoot | undefined {
    return this.#newest.get(machine);
  }

  /** Told of each boot that is newer than what was known, once it is durable. Returns what ends that. */
  subscribe(listener: (boot: HostBoot) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The highest number so far, of any machine; 0 where there is none. */
  get latest(): number {
    return this.#latest;
  }

  close(): void {
    this.#closed = true;
    this.#again?.cancel();
    this.#listeners.clear();
  }

  /** A boot was proved, and is durable; nothing comes of one that is known, or older than that. */
  learn(boot: HostBoot): void {
    if ((this.#newest.get(boot.machine)?.boot ?? 0) >= boot.boot) return;
    this.#take(boot);
    for (const listener of this.#listeners) {
      try {
        listener(boot);
      } catch (error) {
        this.#parts.log.error({ err: error, machine: boot.machine }, 'a machine proved a new boot, and a part of virtdom failed to follow');
      }
    }
  }

  #take(boot: HostBoot): void {
    this.#newest.set(boot.machine, boot);
    this.#latest = Math.max(this.#latest, boot.boot);
  }

  /** Another server on the same database has taken a hello. */
  async #reload(): Promise<void> {
    this.#again?.cancel();
    try {
      for (const boot of await this.#parts.store.load()) this.learn(boot);
    } catch (error) {
      this.#parts.log.error({ err: error }, 'boots that another server took could not be read; trying again');
      if (!this.#closed) this.#again = this.#parts.clock.after(reloadAgainMs, () => void this.#reload());
    }
  }
}
