import type { Log } from '../log.ts';
import type { BrokerLimits } from './broker-limits.ts';
import type { Route } from './broker-router.ts';
import { BusError } from './bus.ts';
import type { Bus, BusMessage, BusState, BusSubscription, PublishOptions } from './bus.ts';
import { ConnectionState } from './connection-state.ts';
import { ListenerQueue } from './listener-queue.ts';
import type { BusListener } from './listener-queue.ts';
import { filterProblem, topicProblem } from './topic-filter.ts';

/** What a client in the broker's own process asks of it. */
export interface LocalWire {
  readonly log: Log;
  readonly limits: BrokerLimits;
  readonly maxMessageBytes: number;
  publish(message: { readonly topic: string; readonly payload: Buffer; readonly qos: 0 | 1; readonly retain: boolean }): Promise<void>;
  /** From now on; what was retained is returned. */
  open(filter: string, route: Route): readonly BusMessage[];
  shut(filter: string, route: Route): void;
  close(): void;
}

/** A bus in the broker's own process: no socket and no encoding. Whoever publishes faster than a listener here listens is made to wait. */
export class LocalBus implements Bus {
  readonly #wire: LocalWire;
  readonly #state = new ConnectionState();
  readonly #open = new Set<() => void>();
  #closed = false;

  constructor(wire: LocalWire) {
    this.#wire = wire;
    this.#state.become({ kind: 'connected' });
  }

  get state(): BusState {
    return this.#state.current;
  }

  async publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<void> {
    if (this.#closed) throw closedError(topic);
    const problem = topicProblem(topic);
    if (problem !== undefined) throw new BusError('refused', problem);
    const { maxMessageBytes } = this.#wire;
    if (payload.byteLength > maxMessageBytes)
      throw new BusError('too-large', `a message to ${topic} has ${payload.byteLength} bytes; at most ${maxMessageBytes} are sent`);
    await this.#wire.publish({ topic, payload: Buffer.from(payload), qos: options.qos ?? 1, retain: options.retain === true });
  }

  subscribe(filter: string, listener: BusListener): Promise<BusSubscription> {
    if (this.#closed) return Promise.reject(closedError(filter));
    const problem = filterProblem(filter);
    if (problem !== undefined) return Promise.reject(new BusError('refused', problem));
    const { log, limits } = this.#wire;
    const queue = new ListenerQueue(listener, (error, topic) => log.error({ err: error, topic }, 'a message was not handled'));
    const waiting: (() => void)[] = [];
    const full = (): boolean => queue.size >= limits.localMessages || queue.bytes >= limits.localBytes;
    const handled = (): void => {
      while (!full()) {
        const taken = waiting.shift();
        if (taken === undefined) return;
        taken();
      }
    };
    const route: Route = ({ topic, payload }, done) => {
      queue.push({ topic, payload: bytesOf(payload), retained: false }, handled);
      if (full()) waiting.push(done);
      else done();
    };
    for (const message of this.#wire.open(filter, route)) queue.push(message, handled);
    const shut = (): void => {
      this.#wire.shut(filter, route);
      queue.close();
      this.#open.delete(shut);
      for (const taken of waiting.splice(0)) taken();
    };
    this.#open.add(shut);
    return Promise.resolve({
      close: () => {
        shut();
        return Promise.resolve();
      },
    });
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#state.listen(listener);
  }

  close(): Promise<void> {
    this.lost('closed');
    return Promise.resolve();
  }

  /** By the broker: it ends, or another client has taken the name. */
  lost(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const shut of this.#open) shut();
    this.#wire.close();
    this.#state.become({ kind: 'disconnected', reason });
  }
}

function bytesOf(payload: string | Buffer): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload;
}

function closedError(topic: string): BusError {
  return new BusError('closed', `nothing can be sent or heard on ${topic}: this bus was closed`);
}
