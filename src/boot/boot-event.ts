import type { BootStage } from '../model/boot-profile.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';

type Protocol = 'dhcp' | 'tftp' | 'http' | 'nfs';

interface OfAttempt {
  /** Wall-clock milliseconds. */
  readonly atMs: number;
  /** Since the attempt opened: the first DISCOVER that we saw of this power-on. */
  readonly elapsedMs: number;
  readonly attempt: string;
  readonly machine: string;
  readonly mac: Mac;
}

/** What happens to a boot, as it happens: the timeline that people read. */
export type BootEvent =
  | (OfAttempt & {
      readonly kind: 'opened';
      readonly profile: string;
      readonly image?: string;
      readonly oneShot?: string;
      readonly reason: string;
    })
  /** A stage reached for the first time in this attempt. */
  | (OfAttempt & {
      readonly kind: 'stage';
      readonly stage: BootStage;
      readonly protocol: Protocol;
      readonly file?: string;
      readonly bytes?: number;
      readonly address?: Ipv4;
    })
  | (OfAttempt & {
      readonly kind: 'file';
      readonly protocol: 'tftp' | 'http';
      readonly phase: 'opened' | 'finished' | 'aborted' | 'missing' | 'refused';
      readonly file: string;
      readonly bytes: number;
      readonly size?: number;
      readonly reason?: string;
    })
  | (OfAttempt & { readonly kind: 'up' | 'local' | 'handed-over' | 'waiting'; readonly reason: string })
  /** A stage passed its threshold: where the boot hangs, and what would come next if it did not. */
  | (OfAttempt & {
      readonly kind: 'stuck';
      readonly lastStage: BootStage;
      readonly lastPacket: string;
      readonly expectedStage: BootStage;
      readonly expectedPacket: string;
      readonly waitedSeconds: number;
      readonly causes: readonly string[];
    })
  /** It was stuck, or taken for over, and goes on. */
  | (OfAttempt & { readonly kind: 'resumed'; readonly reason: string })
  | (OfAttempt & { readonly kind: 'failed'; readonly lastStage: BootStage; readonly lastPacket: string; readonly reason: string })
  /** A packet without an answer, and why. Without attempt and machine where its sender is unknown. */
  | {
      readonly kind: 'ignored';
      readonly atMs: number;
      readonly elapsedMs?: number;
      readonly attempt?: string;
      readonly machine?: string;
      readonly mac?: Mac;
      readonly address?: Ipv4;
      readonly protocol: Protocol;
      readonly reason: string;
    };

/** Takes boot events as they happen. Must not throw. */
export type BootListener = (event: BootEvent) => void;
