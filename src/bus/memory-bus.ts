import type { Log } from '../log.ts';
import { BusError } from './bus.ts';
import type { Bus, BusMessage, BusState, BusSubscription, PublishOptions } from './bus.ts';
import { ConnectionState } from './connection-state.ts';
import type { BusListener } from './listener-queue.ts';
import { Listeners } from './listeners.ts';
import { Outbox } from './outbox.ts';

/** What a client asks of its broker. */
export interface MemoryWire {
  readonly log: Log;
  /** The outbox has something. */
  send(): void;
  /** Resolves when it is granted, or the connection lost. */
  subscribe(filter: string): Promise<void>;
  unsubscribe(filter: string): void;
  close(): void;
}

/** A client of a MemoryBroker, which calls `connected`, `lost` and `arrived`. */
export class MemoryBus implements Bus {
  readonly outbox = new Outbox();
  readonly #wire: MemoryWire;
  readonly #listeners: Listeners;
  readonly #state = new ConnectionState();
  readonly #whenLost = new Set<() => void>();
  #closed = false;

  constructor(wire: MemoryWire) {
    this.#wire = wire;
    this.#listeners = new Listeners(wire.log);
  }

  get state(): BusState {
    return this.#state.current;
  }

  get filters(): readonly string[] {
    return this.#listeners.filters;
  }

  async publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<void> {
    if (this.#closed) throw closedError(topic);
    this.outbox.check(topic, payload);
    if (options.qos === 0 && this.state.kind === 'disconnected')
      throw new BusError('unreachable', `a message to ${topic} cannot leave: ${this.state.reason}`);
    const taken = this.outbox.add(topic, payload.slice(), options);
    this.#wire.send();
    if (options.qos === 0) taken.catch(() => undefined);
    else await taken;
  }

  async subscribe(filter: string, listener: BusListener): Promise<BusSubscription> {
    if (this.#closed) throw closedError(filter);
    const subscription = this.#listeners.add(filter, listener);
    await this.#wire.subscribe(filter);
    return {
      close: () => {
        if (this.#listeners.remove(subscription)) this.#wire.unsubscribe(filter);
        return Promise.resolve();
      },
    };
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#state.listen(listener);
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#wire.close();
    this.#listeners.close();
    this.lost('closed');
    this.outbox.close(new BusError('closed', 'the bus was closed before the broker took this message'));
    return Promise.resolve();
  }

  connected(): void {
    this.#state.become({ kind: 'connected' });
  }

  /** What has arrived is handled all the same; what was not acknowledged is sent again. */
  lost(reason: string): void {
    this.outbox.again();
    for (const resolve of this.#whenLost) resolve();
    this.#whenLost.clear();
    this.#state.become({ kind: 'disconnected', reason });
  }

  whenLost(action: () => void): () => void {
    this.#whenLost.add(action);
    return () => void this.#whenLost.delete(action);
  }

  arrived(message: BusMessage): void {
    this.#listeners.arrived(message, () => undefined);
  }
}

function closedError(topic: string): BusError {
  return new BusError('closed', `nothing can be sent or heard on ${topic}: this bus was closed`);
}
