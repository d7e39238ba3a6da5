import type { Log } from '../log.ts';
import { BusError } from './bus.ts';
import type { Bus, BusMessage, BusState, BusSubscription, PublishOptions } from './bus.ts';
import { ListenerQueue } from './listener-queue.ts';
import type { BusListener } from './listener-queue.ts';
import { Outbox } from './outbox.ts';
import { filterMatches, filterProblem } from './topic-filter.ts';

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

interface Subscription {
  readonly filter: string;
  readonly queue: ListenerQueue;
}

/** A client of a MemoryBroker, which calls `connected`, `lost` and `arrived`. */
export class MemoryBus implements Bus {
  readonly outbox = new Outbox();
  readonly #wire: MemoryWire;
  readonly #subscriptions = new Set<Subscription>();
  readonly #stateListeners = new Set<(state: BusState) => void>();
  readonly #whenLost = new Set<() => void>();
  #state: BusState = { kind: 'disconnected', reason: 'not connected yet' };
  #closed = false;

  constructor(wire: MemoryWire) {
    this.#wire = wire;
  }

  get state(): BusState {
    return this.#state;
  }

  get filters(): readonly string[] {
    return [...new Set([...this.#subscriptions].map(({ filter }) => filter))];
  }

  async publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<void> {
    if (this.#closed) throw closedError(topic);
    this.outbox.check(topic, payload);
    if (options.qos === 0 && this.#state.kind === 'disconnected')
      throw new BusError('unreachable', `a message to ${topic} cannot leave: ${this.#state.reason}`);
    const taken = this.outbox.add(topic, payload.slice(), options);
    this.#wire.send();
    if (options.qos === 0) taken.catch(() => undefined);
    else await taken;
  }

  async subscribe(filter: string, listener: BusListener): Promise<BusSubscription> {
    if (this.#closed) throw closedError(filter);
    const problem = filterProblem(filter);
    if (problem !== undefined) throw new BusError('refused', problem);
    const queue = new ListenerQueue(listener, (error, topic) => this.#wire.log.error({ err: error, topic }, 'a message was not handled'));
    const subscription: Subscription = { filter, queue };
    this.#subscriptions.add(subscription);
    await this.#wire.subscribe(filter);
    return {
      close: () => {
        queue.close();
        this.#subscriptions.delete(subscription);
        if (!this.filters.includes(filter)) this.#wire.unsubscribe(filter);
        return Promise.resolve();
      },
    };
  }

  onState(listener: (state: BusState) => void): () => void {
    this.#stateListeners.add(listener);
    listener(this.#state);
    return () => void this.#stateListeners.delete(listener);
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#wire.close();
    for (const { queue } of this.#subscriptions) queue.close();
    this.lost('closed');
    this.outbox.close(new BusError('closed', 'the bus was closed before the broker took this message'));
    return Promise.resolve();
  }

  connected(): void {
    this.#become({ kind: 'connected' });
  }

  /** What has come and not begun is forgotten, and what was not acknowledged is sent again. */
  lost(reason: string): void {
    for (const { queue } of this.#subscriptions) queue.clear();
    this.outbox.again();
    for (const resolve of this.#whenLost) resolve();
    this.#whenLost.clear();
    this.#become({ kind: 'disconnected', reason });
  }

  whenLost(action: () => void): () => void {
    this.#whenLost.add(action);
    return () => void this.#whenLost.delete(action);
  }

  arrived(message: BusMessage): void {
    for (const { filter, queue } of this.#subscriptions) if (filterMatches(filter, message.topic)) queue.push(message, () => undefined);
  }

  #become(state: BusState): void {
    if (state.kind === 'connected' && this.#state.kind === 'connected') return;
    if (state.kind === 'disconnected' && this.#state.kind === 'disconnected' && state.reason === this.#state.reason) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }
}

function closedError(topic: string): BusError {
  return new BusError('closed', `nothing can be sent or heard on ${topic}: this bus was closed`);
}
