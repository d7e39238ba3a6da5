import type { BootClient } from '../model/boot-decision.ts';
import type { BootProfile, BootStage } from '../model/boot-profile.ts';
import type { HostBoot } from '../model/host.ts';
import { type RedeemedBoot, saidHelloSince } from '../model/host-boot-store.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';

/**
 * Where a boot stands. `booting`, `stuck` and `waiting` (for an assignment) go on; `up` said hello; `local` was sent to its
 * own disk; `handed-over` needs nothing more of ours in this attempt; `failed` ended before it was up.
 */
export type AttemptState = 'booting' | 'stuck' | 'waiting' | 'up' | 'local' | 'handed-over' | 'failed';

/** When a stage was first reached, and by which packet or file. */
export interface StageRecord {
  readonly stage: BootStage;
  /** Wall-clock milliseconds. */
  readonly atMs: number;
  readonly protocol: 'dhcp' | 'tftp' | 'http' | 'nfs';
  readonly file?: string;
  readonly bytes?: number;
  readonly address?: Ipv4;
}

/** A menu as the attempt sees it until its end, with `<boot-token>` where the token goes. */
export interface PinnedMenu {
  readonly path: string;
  readonly template: string;
  /** Of the whole set of templates that made it. */
  readonly templateSha256: string;
  readonly text: string;
  /** Why it could not be rendered; the text is empty then. */
  readonly problem?: string;
}

/** One power-on of one machine, as plain data: all that must survive a restart of the server. It holds no secret. */
export interface StoredAttempt {
  readonly id: string;
  readonly machine: Machine;
  /** Of the NIC that boots. */
  readonly mac: Mac;
  readonly subnet: Subnet;
  readonly profile: BootProfile;
  /** `dom0@3`. */
  readonly image?: string;
  readonly menus: readonly PinnedMenu[];
  readonly openedMs: number;
  /** Of the last packet that belonged to it. */
  readonly lastSeenMs: number;
  /** In words, for people: `RRQ /pxegrub finished, 123456 bytes`. */
  readonly lastPacket: string;
  readonly addresses: readonly Ipv4[];
  readonly stages: readonly StageRecord[];
  readonly state: AttemptState;
  /** Why it is in this state. */
  readonly reason: string;
  /** Since when it is in this state; absent in attempts of older versions. */
  readonly stateSinceMs?: number;
  /** As the first packet of the power-on had it. */
  readonly client?: BootClient;
  /** Where the loader of a machine that waited asks for its menu: it is answered with the menu of this attempt. */
  readonly polledAt?: string;
  /** The highest number of a boot, of whichever machine, that had been proved when it began. */
  readonly provedBefore?: number;
  readonly redeemedMs?: number;
  /** The answer to its hello may not have arrived: the same address may say it again, however late. */
  readonly answerDue?: true;
  /** The address that the hello came from. */
  readonly redeemedFrom?: Ipv4;
  /** The one-shot boot that it is. Saving an attempt that has used it up deletes it in the same transaction. */
  readonly oneShot?: { readonly id: string; readonly used: boolean };
}

/** What came of keeping a redeemed attempt. `late`: another boot of its machine has said hello since it began, and nothing was kept. */
export type Redeemed = { readonly kind: 'kept'; readonly boot?: HostBoot } | { readonly kind: 'late'; readonly by: HostBoot };

/** Where attempts are kept. `save` and `redeem` replace the attempt of the same id; calls for one id keep their order. */
export interface AttemptStore {
  /** The newest attempts of each machine, and the newest that came up; oldest first. */
  load(): Promise<readonly StoredAttempt[]>;
  save(attempt: StoredAttempt): Promise<void>;
  /**
   * Saves an attempt whose token was redeemed together with the boot that it proves: both or none, and one boot for each attempt
   * however often it is asked for.
   */
  redeem(attempt: StoredAttempt, boot?: RedeemedBoot): Promise<Redeemed>;
}

export interface AttemptPage {
  readonly machine?: string;
  readonly mac?: Mac;
  readonly profile?: string;
  readonly states?: readonly AttemptState[];
  /** By when it was opened. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Only older ones than this. */
  readonly before?: { readonly openedMs: number; readonly id: string };
  readonly limit: number;
}

/** Attempts of long ago. */
export interface AttemptArchive {
  /** Newest first. */
  page(page: AttemptPage): Promise<readonly StoredAttempt[]>;
  find(id: string): Promise<StoredAttempt | undefined>;
  /** Deletes those that ended and were opened before, but for the newest of each machine and the newest that came up; returns how many. */
  prune(beforeMs: number): Promise<number>;
}

/** Keeps attempts until the process ends: for tests and dry runs. */
export class MemoryAttemptStore implements AttemptStore {
  readonly attempts = new Map<string, StoredAttempt>();
  readonly boots: HostBoot[] = [];

  load(): Promise<readonly StoredAttempt[]> {
    return Promise.resolve([...this.attempts.values()]);
  }

  save(attempt: StoredAttempt): Promise<void> {
    this.attempts.set(attempt.id, structuredClone(attempt));
    return Promise.resolve();
  }

  async redeem(attempt: StoredAttempt, boot?: RedeemedBoot): Promise<Redeemed> {
    if (boot === undefined) {
      await this.save(attempt);
      return { kind: 'kept' };
    }
    const newest = this.boots.findLast(({ machine }) => machine === boot.machine);
    if (newest !== undefined && saidHelloSince(newest, boot)) return { kind: 'late', by: newest };
    await this.save(attempt);
    const { openedMs: _opened, provedBefore: _before, ...known } = boot;
    const kept = this.boots.find((each) => each.attempt === boot.attempt) ?? { ...known, boot: this.boots.length + 1 };
    if (!this.boots.includes(kept)) this.boots.push(kept);
    return { kind: 'kept', boot: kept };
  }
}
