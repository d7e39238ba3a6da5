import type { Bus, BusMessage, BusState, BusSubscription, PublishOptions } from '../../../src/bus/bus.ts';
import type { ProcessClock } from './process-clock.ts';

export type MessageFault = 'lose' | 'duplicate' | 'delay';

/** What is to happen to one message on its last way, from its connection to the process. */
export interface Delivery {
  readonly fault?: MessageFault;
  readonly delayMs?: number;
}

/** The connection of one process: it hears nothing while it is frozen, and nothing any more when it is dead. */
export class ProcessBus implements Bus {
  readonly #bus: Bus;
  readonly #process: ProcessClock;
  readonly #arriving: (message: BusMessage) => Delivery;
  readonly #published: (topic: string, payload: Uint8Array) => void;
  readonly #later: (delayMs: number, action: () => void) => void;

  constructor(
    bus: Bus,
    process: ProcessClock,
    watch: {
      readonly arriving: (message: BusMessage) => Delivery;
      readonly published: (topic: string, payload: Uint8Array) => void;
      readonly later: (delayMs: number, action: () => void) => void;
    },
  ) {
    this.#bus = bus;
    this.#process = process;
    this.#arriving = watch.arriving;
    this.#published = watch.published;
    this.#later = watch.later;
  }

  get state(): BusState {
    return this.#bus.state;
  }

  async publish(topic: string, payload: Uint8Array, options?: PublishOptions): Promise<void> {
    if (!this.#process.alive) return await new Promise(() => {});
    const taken = this.#bus.publish(topic, payload, options);
    this.#published(topic, payload);
    await this.#process.hear(taken);
  }

  async subscribe(filter: string, listener: (message: BusMessage) => void | Promise<void>): Promise<BusSubscription> {
    if (!this.#process.alive) return await new Promise(() => {});
    const deliver = (message: BusMessage) =>
      new Promise<void>((resolve, reject) => {
        this.#process.run(() => void Promise.resolve(listener(message)).then(resolve, reject));
      });
    const subscribed = this.#bus.subscribe(filter, async (message) => {
      const { fault, delayMs = 0 } = this.#arriving(message);
      if (fault === 'lose') return;
      if (fault === 'delay') this.#later(delayMs, () => void deliver(message));
      else await deliver(message);
      if (fault === 'duplicate') await deliver(message);
    });
    return await this.#process.hear(subscribed);
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#bus.onState((state) => this.#process.run(() => listener(state)));
  }

  async close(): Promise<void> {
    await this.#process.hear(this.#bus.close());
  }
}
