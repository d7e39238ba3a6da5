import type { BusMessage } from '../../../src/bus/bus.ts';
import type { Delivery, MessageFault } from './process-bus.ts';
import type { World } from './world.ts';

/** What is known of a message without understanding it. */
export interface MessageFacts {
  readonly kind: string;
  /** Of EXECUTE. */
  readonly command?: string;
  readonly action?: string;
}

export interface MessageMatch {
  readonly kind: string;
  readonly command?: string;
  readonly action?: string;
  /** The process that it is on its way to. */
  readonly to?: string;
  /** The machine whose topic it is on. */
  readonly machine?: string;
}

interface Planned extends MessageMatch {
  readonly fault: MessageFault;
  readonly delayMs: number;
  times: number;
}

export function factsOf(payload: Uint8Array): MessageFacts {
  if (payload.byteLength === 0) return { kind: '' };
  return JSON.parse(Buffer.from(payload).toString('utf8')) as MessageFacts;
}

/** Faults for the next messages of a kind. */
export class MessageFaults {
  readonly #world: World;
  readonly #planned: Planned[] = [];
  readonly #traps: { readonly match: MessageMatch; readonly action: () => void }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  plan(fault: MessageFault, match: MessageMatch, times: number, delaySeconds: number): void {
    this.#planned.push({ ...match, fault, times, delayMs: delaySeconds * 1000 });
  }

  /** Runs once, as soon as such a message has arrived. */
  trap(match: MessageMatch, action: () => void): void {
    this.#traps.push({ match, action });
  }

  clear(): void {
    this.#planned.length = 0;
    this.#traps.length = 0;
  }

  arriving(to: string, message: BusMessage): Delivery {
    if (this.#planned.length === 0 && this.#traps.length === 0) return {};
    const facts = factsOf(message.payload);
    const fits = (match: MessageMatch) =>
      match.kind === facts.kind &&
      (match.command === undefined || match.command === facts.command) &&
      (match.action === undefined || match.action === facts.action) &&
      (match.to === undefined || match.to === to) &&
      (match.machine === undefined || message.topic.split('/').includes(match.machine));
    const trap = this.#traps.findIndex(({ match }) => fits(match));
    if (trap >= 0) this.#traps.splice(trap, 1)[0]?.action();
    const planned = this.#planned.find((each) => each.times > 0 && fits(each));
    if (planned === undefined) return {};
    planned.times--;
    const what = [facts.kind, facts.command ?? facts.action].filter((word) => word !== undefined).join(' ');
    this.#world.say('bus', `${what} to ${to} ${words[planned.fault]}${planned.fault === 'delay' ? ` by ${planned.delayMs / 1000} s` : ''}`);
    return planned;
  }
}

const words: Readonly<Record<MessageFault, string>> = { lose: 'is lost', duplicate: 'comes twice', delay: 'is delayed' };
