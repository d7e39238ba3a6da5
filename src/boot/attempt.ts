import type { BootProfile, BootStage } from '../model/boot-profile.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Timer } from '../clock.ts';
import type { AttemptState, PinnedMenu, StageRecord, StoredAttempt } from './attempt-store.ts';

/** What the first decision of an attempt fixes for all that comes after it. */
export interface AttemptPins {
  readonly machine: Machine;
  readonly mac: Mac;
  readonly subnet: Subnet;
  readonly profile: BootProfile;
  /** `dom0@3`. */
  readonly image?: string;
}

/** One power-on in memory: what is stored, and what only lives as long as the process. */
export class Attempt {
  readonly id: string;
  readonly pins: AttemptPins;
  readonly openedMs: number;
  readonly stages: StageRecord[] = [];
  readonly addresses: Ipv4[] = [];
  /** What went wrong on the way, the last few: told when the boot is stuck. */
  readonly troubles: string[] = [];
  lastSeenMs: number;
  lastPacket = 'none';
  state: AttemptState = 'running';
  reason: string;
  redeemedMs: number | undefined;
  /** Of HTTP ranges: bytes sent by path, until they are the whole file. */
  readonly sentByPath = new Map<string, number>();
  watch: Timer | undefined;
  readonly #render: () => readonly PinnedMenu[];
  #menus: readonly PinnedMenu[] | undefined;

  /** @param render makes the menus, once, off the way of the packet that opens the attempt */
  constructor(id: string, pins: AttemptPins, openedMs: number, reason: string, render: () => readonly PinnedMenu[]) {
    this.id = id;
    this.pins = pins;
    this.openedMs = openedMs;
    this.lastSeenMs = openedMs;
    this.reason = reason;
    this.#render = render;
  }

  static restore(stored: StoredAttempt): Attempt {
    const { machine, mac, subnet, profile, image } = stored;
    const pins = { machine, mac, subnet, profile, ...(image !== undefined && { image }) };
    const attempt = new Attempt(stored.id, pins, stored.openedMs, stored.reason, () => stored.menus);
    attempt.stages.push(...stored.stages);
    attempt.addresses.push(...stored.addresses);
    attempt.lastSeenMs = stored.lastSeenMs;
    attempt.lastPacket = stored.lastPacket;
    attempt.state = stored.state;
    attempt.redeemedMs = stored.redeemedMs;
    return attempt;
  }

  get menus(): readonly PinnedMenu[] {
    return (this.#menus ??= this.#render());
  }

  /** Whether more is to come. */
  get goesOn(): boolean {
    return this.state === 'running' || this.state === 'stuck';
  }

  /** What the rule for new attempts looks at. */
  get seen(): Pick<StoredAttempt, 'mac' | 'stages' | 'lastSeenMs'> {
    return { mac: this.pins.mac, stages: this.stages, lastSeenMs: this.lastSeenMs };
  }

  has(stage: BootStage): boolean {
    return this.stages.some((record) => record.stage === stage);
  }

  toStored(): StoredAttempt {
    return {
      id: this.id,
      ...this.pins,
      menus: this.menus,
      openedMs: this.openedMs,
      lastSeenMs: this.lastSeenMs,
      lastPacket: this.lastPacket,
      addresses: [...this.addresses],
      stages: [...this.stages],
      state: this.state,
      reason: this.reason,
      ...(this.redeemedMs !== undefined && { redeemedMs: this.redeemedMs }),
    };
  }
}
