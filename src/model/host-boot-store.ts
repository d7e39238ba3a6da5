import type { HostBoot } from './host.ts';

/** Where redeemed boots outlive the process: each is written when a hello is accepted, before the machine hears yes. */
export interface HostBootStore {
  /** The newest of each machine. */
  load(): Promise<readonly HostBoot[]>;
  /** Gives it the next number; the one that it has already where this attempt was redeemed before (its answer was lost). */
  add(boot: Omit<HostBoot, 'boot'>): Promise<HostBoot>;
  /** Deletes what is older and not the newest of its machine; returns how many. */
  prune(beforeMs: number): Promise<number>;
  /** Called when another server on the same database has added one. Never with SQLite. */
  follow(listener: () => void): void;
}
