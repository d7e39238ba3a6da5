import { BusError } from './bus.ts';
import type { PublishOptions } from './bus.ts';
import { topicProblem } from './topic-filter.ts';

export interface OutboxLimits {
  readonly messageBytes: number;
  readonly messages: number;
  readonly bytes: number;
}

export const outboxLimits: OutboxLimits = { messageBytes: 512 * 1024, messages: 10_000, bytes: 32 * 1024 * 1024 };

export interface Outgoing {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly taken: () => void;
  readonly failed: (error: BusError) => void;
}

/**
 * QoS 1 messages that no broker has acknowledged yet, in order. `next` hands them out once a connection; `again` puts back at the
 * front what was handed out over a connection that is gone.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  #waiting: Outgoing[] = [];
  #sent = new Set<Outgoing>();
  #bytes = 0;

  constructor(limits: OutboxLimits = outboxLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.length + this.#sent.size;
  }

  get inFlight(): number {
    return this.#sent.size;
  }

  /** @throws BusError `refused`, `too-large` */
  check(topic: string, payload: Uint8Array): void {
    const problem = topicProblem(topic);
    if (problem !== undefined) throw new BusError('refused', problem);
    const { messageBytes } = this.#limits;
    if (payload.byteLength > messageBytes)
      throw new BusError('too-large', `a message to ${topic} has ${payload.byteLength} bytes; at most ${messageBytes} are sent`);
  }

  /** Resolves when the broker has taken it. @throws BusError `queue-full` */
  add(topic: string, payload: Uint8Array, options: PublishOptions): Promise<void> {
    const { messages, bytes } = this.#limits;
    if (this.size >= messages || this.#bytes + payload.byteLength > bytes)
      throw new BusError(
        'queue-full',
        `${this.size} messages of ${this.#bytes} bytes wait for the broker; one more to ${topic} is refused`,
      );
    this.#bytes += payload.byteLength;
    return new Promise((taken, failed) => {
      this.#waiting.push({ topic, payload, retain: options.retain === true, taken, failed });
    });
  }

  next(): Outgoing | undefined {
    const first = this.#waiting.shift();
    if (first !== undefined) this.#sent.add(first);
    return first;
  }

  /** The broker has it, or (with an error) never will. */
  settle(outgoing: Outgoing, error?: BusError): void {
    if (!this.#sent.delete(outgoing)) return;
    this.#bytes -= outgoing.payload.byteLength;
    if (error === undefined) outgoing.taken();
    else outgoing.failed(error);
  }

  again(): void {
    this.#waiting = [...this.#sent, ...this.#waiting];
    this.#sent.clear();
  }

  close(error: BusError): void {
    for (const outgoing of [...this.#sent, ...this.#waiting]) outgoing.failed(error);
    this.#waiting = [];
    this.#sent.clear();
    this.#bytes = 0;
  }
}
