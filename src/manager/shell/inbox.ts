import type { Input } from '../hear/input.ts';
import type { DropCount } from './drop-count.ts';

/** A message counts for at least a KiB. */
const leastBytes = 1024;

export const inboxLimits = {
  /** Messages of one host. */
  hostBytes: 2 * 1024 * 1024,
  /** Messages of all hosts. */
  bytes: 64 * 1024 * 1024,
  presencesOfHost: 8,
} as const;

interface OfHost {
  /** By the numbers of what waits, oldest first. */
  readonly messages: Map<number, number>;
  readonly presences: number[];
  readonly refused: Set<boolean>;
  bytes: number;
}

/**
 * What the next turn will hear, in the order of arrival. Who says much pushes out what he himself said before, and nobody else's: power
 * readings, the bus, presences and what people ask are never left out for it.
 */
export class Inbox {
  readonly #drops: DropCount;
  readonly #inputs = new Map<number, Input>();
  readonly #hosts = new Map<string, OfHost>();
  #bytes = 0;
  #next = 0;
  #looks = false;

  constructor(drops: DropCount) {
    this.#drops = drops;
  }

  get isEmpty(): boolean {
    return this.#inputs.size === 0;
  }

  put(input: Input): void {
    const number = this.#next++;
    if (input.kind === 'look') {
      // It looks at everything, once for all of a turn.
      if (this.#looks) return;
      this.#looks = true;
    } else if (input.kind === 'refused') {
      const { refused } = this.#of(input.host);
      if (refused.has(input.flood)) return;
      refused.add(input.flood);
    }
    this.#inputs.set(number, input);
    if (input.kind === 'message') this.#weigh(number, input);
    else if (input.kind === 'presence') this.#thin(number, input.host);
  }

  takeAll(): readonly Input[] {
    const inputs = [...this.#inputs.values()];
    this.#inputs.clear();
    this.#hosts.clear();
    this.#bytes = 0;
    this.#looks = false;
    return inputs;
  }

  #of(host: string): OfHost {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const fresh: OfHost = { messages: new Map(), presences: [], refused: new Set(), bytes: 0 };
    this.#hosts.set(host, fresh);
    return fresh;
  }

  /** The oldest goes: what a host says of itself is said again, and the newest is true. */
  #weigh(number: number, { host, bytes = 0 }: Input & { kind: 'message' }): void {
    const own = this.#of(host);
    const weight = Math.max(leastBytes, bytes);
    own.messages.set(number, weight);
    own.bytes += weight;
    this.#bytes += weight;
    while (own.bytes > inboxLimits.hostBytes) this.#dropOldest(host, own);
    while (this.#bytes > inboxLimits.bytes) {
      const [most, its] = [...this.#hosts].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a));
      this.#dropOldest(most, its);
    }
  }

  #dropOldest(host: string, own: OfHost): void {
    const [oldest] = own.messages;
    if (oldest === undefined) return;
    const [number, weight] = oldest;
    own.messages.delete(number);
    own.bytes -= weight;
    this.#bytes -= weight;
    this.#inputs.delete(number);
    this.#drops.add(host);
  }

  /** The oldest goes, but never the newest `here`: what came after it is said of that connection. */
  #thin(number: number, host: string): void {
    const { presences } = this.#of(host);
    presences.push(number);
    if (presences.length <= inboxLimits.presencesOfHost) return;
    const [gone] = presences.splice(this.#lastHere(presences) === 0 ? 1 : 0, 1);
    if (gone !== undefined) this.#inputs.delete(gone);
    this.#drops.add(host);
  }

  #lastHere(presences: readonly number[]): number {
    return presences.findLastIndex((each) => {
      const input = this.#inputs.get(each);
      return input?.kind === 'presence' && input.presence.state === 'here';
    });
  }
}
