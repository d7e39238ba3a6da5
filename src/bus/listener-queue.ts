import type { BusMessage } from './bus.ts';

export type BusListener = (message: BusMessage) => void | Promise<void>;

interface Waiting {
  readonly message: BusMessage;
  readonly handled: () => void;
}

/** Hands messages to one listener, one at a time and in order. It is bounded by who fills it: see `bytes` and `size`. */
export class ListenerQueue {
  readonly #listener: BusListener;
  readonly #failed: (error: unknown, topic: string) => void;
  #waiting: Waiting[] = [];
  #running = false;
  #closed = false;
  #bytes = 0;

  /** `failed`: the listener threw, or its promise was rejected; the next message comes all the same. */
  constructor(listener: BusListener, failed: (error: unknown, topic: string) => void) {
    this.#listener = listener;
    this.#failed = failed;
  }

  /** Of payloads that wait, with the one that is being handled. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#waiting.length + (this.#running ? 1 : 0);
  }

  /** `handled` is called when the listener is done with it, and never when the queue was emptied before. */
  push(message: BusMessage, handled: () => void): void {
    if (this.#closed) return;
    this.#waiting.push({ message, handled });
    this.#bytes += message.payload.byteLength;
    if (!this.#running) void this.#run();
  }

  /** What has not begun is forgotten: the connection that it came over is gone. */
  clear(): void {
    for (const { message } of this.#waiting) this.#bytes -= message.payload.byteLength;
    this.#waiting = [];
  }

  close(): void {
    this.#closed = true;
    this.clear();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await this.#listener(next.message);
      } catch (error) {
        this.#failed(error, next.message.topic);
      }
      this.#bytes -= next.message.payload.byteLength;
      next.handled();
    }
    this.#running = false;
  }
}
