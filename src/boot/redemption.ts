import type { HostBoot } from '../model/host.ts';
import { saidHelloSince } from '../model/host-boot-store.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Attempt } from './attempt.ts';

/** A hello, with what it is judged by. */
export interface Hello {
  readonly from: Ipv4;
  readonly atMs: number;
  /** The attempts of its machine that began, or said hello, after its own began. */
  readonly since: readonly Attempt[];
  /** The newest boot of its machine that was proved, on whichever server. */
  readonly newest: HostBoot | undefined;
}

/** `repeat`: it was taken before, and is answered again without effect. */
export type Redemption = { readonly kind: 'first' | 'repeat' } | { readonly kind: 'refused'; readonly reason: string };

/** A hello whose answer was lost on the way is sent again within this time. */
export const helloRetryMs = 60_000;

/**
 * Whether a token is taken, once. That another attempt was opened since proves nothing, for anybody can send a DISCOVER; that another
 * one said hello since does: this one is over, or was never the machine's. A repeat counts from the same address only, and not for
 * long once it was answered.
 */
export function judgeHello(attempt: Attempt, { from, atMs, since, newest }: Hello): Redemption {
  const { id, openedMs, provedBefore, redeemed, answeredMs, isKept } = attempt;
  const here = since.find((other) => other.redeemed !== undefined)?.id;
  const elsewhere = newest !== undefined && saidHelloSince(newest, { attempt: id, openedMs, provedBefore }) ? newest.attempt : undefined;
  const by = here ?? elsewhere;
  if (by !== undefined) return { kind: 'refused', reason: lateReason(attempt, by) };
  if (redeemed !== undefined && (redeemed.from !== from || (answeredMs !== undefined && atMs - answeredMs > helloRetryMs)))
    return { kind: 'refused', reason: `this boot token was used already, at ${new Date(redeemed.atMs).toISOString()}` };
  return { kind: isKept ? 'repeat' : 'first' };
}

/** @param by the attempt that said hello */
export function lateReason({ pins }: Attempt, by: string): string {
  return `${pins.machine.name} has said hello since, by another boot: ${by}`;
}

/** For sorting: those that were opened or said hello last come last. */
export function byLastWord(left: Attempt, right: Attempt): number {
  const [leftMs = 0, rightMs = 0] = [left, right].map(({ openedMs, redeemed }) => Math.max(openedMs, redeemed?.atMs ?? 0));
  return leftMs - rightMs || Number(left.redeemed !== undefined) - Number(right.redeemed !== undefined);
}
