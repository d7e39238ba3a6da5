import type { BootClient } from '../model/boot-decision.ts';
import type { BootStage } from '../model/boot-profile.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { Timer } from '../clock.ts';
import type { AttemptPins } from './attempt-pins.ts';
import type { SeenAttempt } from './attempt-rules.ts';
import type { AttemptState, PinnedMenu, StageRecord, StoredAttempt } from './attempt-store.ts';
import { grubPollPath } from './waiting.ts';

/** Something that went wrong on the way, and the stages that it kept from being reached. */
export interface Trouble {
  readonly what: string;
  readonly stages: readonly BootStage[];
}

/** How an attempt begins. */
export interface AttemptStart {
  readonly pins: AttemptPins;
  readonly openedMs: number;
  readonly state: 'booting' | 'waiting';
  readonly reason: string;
  readonly client?: BootClient;
  readonly oneShot?: OneShot['id'];
  readonly polledAt?: string;
  /** The highest number of a boot that had been proved by then. */
  readonly provedBefore?: number;
  /** Of a machine that waited: what it had reached by then. */
  readonly stages?: readonly StageRecord[];
  readonly addresses?: readonly Ipv4[];
  /** Makes the menus, once, off the way of the packet that opens the attempt. */
  readonly render: () => readonly PinnedMenu[];
}

/** One power-on in memory: what is stored, and what only lives as long as the process. */
export class Attempt {
  readonly id: string;
  readonly pins: AttemptPins;
  readonly openedMs: number;
  readonly client: BootClient | undefined;
  readonly polledAt: string | undefined;
  readonly provedBefore: number | undefined;
  readonly stages: StageRecord[];
  readonly addresses: Ipv4[];
  /** The last few: told when the boot is stuck. */
  readonly troubles: Trouble[] = [];
  lastSeenMs: number;
  lastPacket = 'none';
  state: AttemptState;
  reason: string;
  stateSinceMs: number;
  redeemed: { readonly atMs: number; readonly from?: Ipv4 } | undefined;
  /** Whether that is durable. */
  isKept = false;
  /** When its hello was first answered; nothing while that has not come to pass, or nobody knows whether it has. */
  answeredMs: number | undefined;
  /** The answer may still be on its way, or lost. */
  answerDue = false;
  /** Of all attempts that are remembered, the one with the highest began last, or said hello last. */
  turn = 0;
  oneShot: StoredAttempt['oneShot'];
  /** The client took the offer of another DHCP server: what its firmware sends next is a new beginning. */
  tookOtherOffer = false;
  /** A machine that waits and has an assignment which its loader cannot go on to: why it is told to reboot. */
  sentOff: string | undefined;
  /** Of HTTP ranges: bytes sent by path, until they are the whole file. */
  readonly sentByPath = new Map<string, number>();
  watch: Timer | undefined;
  readonly #render: () => readonly PinnedMenu[];
  #menus: readonly PinnedMenu[] | undefined;

  constructor(id: string, start: AttemptStart) {
    this.id = id;
    this.pins = start.pins;
    this.openedMs = start.openedMs;
    this.client = start.client;
    this.polledAt = start.polledAt;
    this.provedBefore = start.provedBefore;
    this.stages = [...(start.stages ?? [])];
    this.addresses = [...(start.addresses ?? [])];
    this.lastSeenMs = start.openedMs;
    this.state = start.state;
    this.reason = start.reason;
    this.stateSinceMs = start.openedMs;
    this.oneShot = start.oneShot === undefined ? undefined : { id: start.oneShot, used: false };
    this.#render = start.render;
  }

  static restore(stored: StoredAttempt): Attempt {
    const { machine, mac, subnet, profile, image, oneShot, menus, state, ...start } = stored;
    const pins = { machine, mac, subnet, profile, ...(image !== undefined && { image }) };
    const attempt = new Attempt(stored.id, { ...start, pins, state: 'booting', render: () => menus });
    attempt.lastSeenMs = stored.lastSeenMs;
    attempt.lastPacket = stored.lastPacket;
    attempt.state = state;
    attempt.stateSinceMs = stored.stateSinceMs ?? stored.openedMs;
    attempt.oneShot = oneShot;
    const { redeemedMs, redeemedFrom } = stored;
    if (redeemedMs === undefined) return attempt;
    attempt.redeemed = { atMs: redeemedMs, ...(redeemedFrom !== undefined && { from: redeemedFrom }) };
    attempt.isKept = true;
    attempt.answerDue = stored.answerDue === true;
    attempt.answeredMs = attempt.answerDue ? undefined : redeemedMs;
    return attempt;
  }

  get menus(): readonly PinnedMenu[] {
    return (this.#menus ??= this.#render());
  }

  /** Whether more is to come. */
  get goesOn(): boolean {
    return this.state === 'booting' || this.state === 'stuck' || this.state === 'waiting';
  }

  /** Where its GRUB asks for its menu again, waiting or having waited. */
  get pollPath(): string | undefined {
    if (this.polledAt !== undefined || this.state !== 'waiting') return this.polledAt;
    return grubPollPath(this.pins, this.stages.find(({ stage }) => stage === 'menu')?.file);
  }

  /** Whether it was assigned while it waited and has not read its menu since. */
  get isUnread(): boolean {
    return this.polledAt !== undefined && !this.has('menu');
  }

  /** What the rule for new attempts looks at. */
  get seen(): SeenAttempt {
    const { stages, lastSeenMs, tookOtherOffer } = this;
    return { mac: this.pins.mac, stages, lastSeenMs, tookOtherOffer };
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
      stateSinceMs: this.stateSinceMs,
      ...(this.client !== undefined && { client: this.client }),
      ...(this.polledAt !== undefined && { polledAt: this.polledAt }),
      ...(this.provedBefore !== undefined && { provedBefore: this.provedBefore }),
      ...(this.redeemed !== undefined && { redeemedMs: this.redeemed.atMs }),
      ...(this.answerDue && { answerDue: true }),
      ...(this.redeemed?.from !== undefined && { redeemedFrom: this.redeemed.from }),
      ...(this.oneShot !== undefined && { oneShot: this.oneShot }),
    };
  }
}
