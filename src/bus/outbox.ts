import { BusError } from './bus.ts';
import type { PublishOptions } from './bus.ts';
import { topicProblem } from './topic-filter.ts';

export interface OutboxLimits {
  readonly messageBytes: number;
  readonly messages: number;
  readonly bytes: number;
}

export const outboxLimits: OutboxLimits = { messageBytes: 512 * 1024, messages: 10_000, bytes: 32 * 1024 * 1024 };

const mostConnections = 8;

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
  #suspected: { readonly outgoing: Outgoing; readonly times: number } | undefined;
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

  /**
   * A broker may end the connection because of a message; MQTT 3.1.1 has no other way to refuse one. What was the oldest on its way
   * each time that so many connections ended is given up, so that the others have their turn.
   */
  again(): void {
    const [oldest] = this.#sent;
    this.#waiting = [...this.#sent, ...this.#waiting];
    this.#sent.clear();
    if (oldest === undefined) return;
    this.#suspected = { outgoing: oldest, times: this.#suspected?.outgoing === oldest ? this.#suspected.times + 1 : 1 };
    if (this.#suspected.times < mostConnections) return;
    this.#waiting.shift();
    this.#bytes -= oldest.payload.byteLength;
    oldest.failed(new BusError('refused', `${mostConnections} connections ended while a message to ${oldest.topic} was on its way`));
  }

  close(error: BusError): void {
    for (const outgoing of [...this.#sent, ...this.#waiting]) outgoing.failed(error);
    this.#waiting = [];
    this.#sent.clear();
    this.#bytes = 0;
  }
}
