import { Readable } from 'node:stream';
import type { AedesPublishPacket } from 'aedes';
import type { BrokerLimits } from './broker-limits.ts';
import { filterMatches } from './topic-filter.ts';

/**
 * What the broker remembers: retained messages, so many. Sessions it does not: each connection is a clean one, and what an agent
 * missed the manager sends again from its own records. The many methods are those that aedes asks for.
 */
export class BrokerMemory {
  readonly #limits: BrokerLimits;
  readonly #overflowed: (topic: string) => void;
  readonly #retained = new Map<string, AedesPublishPacket>();
  #bytes = 0;

  /** `overflowed`: a message was passed on, but not kept. */
  constructor(limits: BrokerLimits, overflowed: (topic: string) => void) {
    this.#limits = limits;
    this.#overflowed = overflowed;
  }

  /** aedes insists on an async function. */
  async setup(): Promise<void> {
    await Promise.resolve();
  }

  storeRetained(packet: AedesPublishPacket): Promise<void> {
    const { topic, payload } = packet;
    const before = this.#retained.get(topic);
    this.#retained.delete(topic);
    if (before !== undefined) this.#bytes -= before.payload.length;
    if (payload.length === 0) return Promise.resolve();
    if (this.#retained.size >= this.#limits.retainedMessages || this.#bytes + payload.length > this.#limits.retainedBytes) {
      this.#overflowed(topic);
      return Promise.resolve();
    }
    this.#bytes += payload.length;
    this.#retained.set(topic, { ...packet });
    return Promise.resolve();
  }

  retained(filters: readonly string[]): readonly AedesPublishPacket[] {
    return [...this.#retained.values()].filter(({ topic }) => filters.some((filter) => filterMatches(filter, topic)));
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from(this.retained(filters));
  }

  addSubscriptions(): Promise<void> {
    return Promise.resolve();
  }

  removeSubscriptions(): Promise<void> {
    return Promise.resolve();
  }

  cleanSubscriptions(): Promise<void> {
    return Promise.resolve();
  }

  subscriptionsByClient(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  subscriptionsByTopic(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  outgoingEnqueueCombi(): Promise<void> {
    return Promise.resolve();
  }

  outgoingEnqueue(): Promise<void> {
    return Promise.resolve();
  }

  outgoingUpdate(): Promise<void> {
    return Promise.resolve();
  }

  outgoingClearMessageId(): Promise<void> {
    return Promise.resolve();
  }

  outgoingStream(): Readable {
    return Readable.from([]);
  }

  incomingGetPacket(): Promise<never> {
    return Promise.reject(new Error('this broker has no QoS 2'));
  }

  incomingStorePacket(): Promise<never> {
    return Promise.reject(new Error('this broker has no QoS 2'));
  }

  incomingDelPacket(): Promise<never> {
    return Promise.reject(new Error('this broker has no QoS 2'));
  }

  putWill(): Promise<void> {
    return Promise.resolve();
  }

  delWill(): Promise<void> {
    return Promise.resolve();
  }

  streamWill(): Readable {
    return Readable.from([]);
  }
}
