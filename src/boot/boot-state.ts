import type { BootStage } from '../model/boot-profile.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Attempt } from './attempt.ts';
import { lastStage, nextStage } from './attempt-rules.ts';
import type { AttemptState } from './attempt-store.ts';
import { expectedPacket, likelyCauses } from './stuck.ts';

/** How the newest boot of a machine stands, in a few words. */
export interface BootState {
  readonly state: AttemptState;
  readonly reason: string;
  /** Wall-clock milliseconds, as all times here. */
  readonly sinceMs: number;
  /** Its id. */
  readonly attempt: string;
  /** The NIC that boots. */
  readonly mac: Mac;
  readonly openedMs: number;
  readonly lastSeenMs: number;
  readonly lastPacket: string;
  readonly lastStage: BootStage;
  readonly profile: string;
  /** `dom0@3`. */
  readonly image?: string;
  readonly address?: Ipv4;
  /** Whether it boots what was asked for once. */
  readonly oneShot: boolean;
  /** Only of one that is stuck. */
  readonly stuck?: {
    readonly expectedStage: BootStage;
    readonly expectedPacket: string;
    readonly thresholdSeconds: number;
    /** Likeliest first. */
    readonly causes: readonly string[];
  };
}

export function bootStateOf(attempt: Attempt): BootState {
  const { pins, stages, state } = attempt;
  const expected = state === 'stuck' ? nextStage({ ...pins, stages }) : undefined;
  const address = attempt.addresses.at(-1);
  return {
    state,
    reason: attempt.reason,
    sinceMs: attempt.stateSinceMs,
    attempt: attempt.id,
    mac: pins.mac,
    openedMs: attempt.openedMs,
    lastSeenMs: attempt.lastSeenMs,
    lastPacket: attempt.lastPacket,
    lastStage: lastStage(stages),
    profile: pins.profile.name,
    ...(pins.image !== undefined && { image: pins.image }),
    ...(address !== undefined && { address }),
    oneShot: attempt.oneShot !== undefined,
    ...(expected !== undefined && {
      stuck: {
        expectedStage: expected,
        expectedPacket: expectedPacket(expected, pins),
        thresholdSeconds: pins.profile.stageSeconds[expected],
        causes: likelyCauses(expected, attempt.troubles),
      },
    }),
  };
}
