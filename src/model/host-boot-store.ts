import type { HostBoot } from './host.ts';

/** Where boots that machines have proved outlive the process. They get there with the attempt whose token was redeemed. */
export interface HostBootStore {
  /** The newest of each machine. */
  load(): Promise<readonly HostBoot[]>;
  /** Deletes what is older and not the newest of its machine; returns how many. */
  prune(beforeMs: number): Promise<number>;
  /** Called when another server on the same database has added one. Never with SQLite. */
  follow(listener: () => void): void;
}

/** A boot whose token was redeemed, before it has a number. */
export interface RedeemedBoot extends Omit<HostBoot, 'boot'> {
  /** When its power-on began. */
  readonly openedMs: number;
  /** The highest number of a boot, of whichever machine, that was known when its power-on began. */
  readonly provedBefore?: number;
}

/**
 * Whether `other`, a boot of the same machine, said hello when this power-on had begun already: then it was not ended by it, and this one
 * proves nothing. The number counts before the time: two servers have two clocks, and clocks are set.
 */
export function saidHelloSince(
  other: HostBoot,
  {
    attempt,
    openedMs,
    provedBefore = 0,
  }: { readonly attempt: string; readonly openedMs: number; readonly provedBefore?: number | undefined },
): boolean {
  return other.attempt !== attempt && other.boot > provedBefore && other.redeemedMs >= openedMs;
}
