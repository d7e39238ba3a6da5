import { setPriority } from 'node:os';
import type { Transferable } from 'node:worker_threads';

/**
 * Lets other threads go first where the processors are busy: on Linux a niceness is a thread's own, not the process's
 * (setpriority(2)). Whoever moves bulk data calls it at its start, so that no DHCP answer waits for a processor.
 */
export function giveWay(): void {
  setPriority(10);
}

/**
 * Typed calls between threads. Each side offers handlers and calls the other's; a call is answered by its result or its
 * error, a notice by nothing. Messages keep their order.
 */
export type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>;

type Message =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly args: unknown[] }
  | { readonly kind: 'notice'; readonly name: string; readonly args: unknown[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: unknown };

interface Port {
  postMessage(value: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: Message) => void): unknown;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** One end of a channel between two threads; `Theirs` is what the other side offers. */
export class ThreadLink<Theirs extends Handlers> {
  readonly #port: Port;
  readonly #handlers: Handlers;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #closed: Error | undefined;

  constructor(port: Port, handlers: Handlers) {
    this.#port = port;
    this.#handlers = handlers;
    port.on('message', (message: Message) => void this.#receive(message));
  }

  /** Asks the other thread; rejects with its error, or when the link is closed before the answer. */
  call<Name extends keyof Theirs & string>(name: Name, ...args: Parameters<Theirs[Name]>): Promise<Awaited<ReturnType<Theirs[Name]>>> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as Awaited<ReturnType<Theirs[Name]>>), reject });
      this.#port.postMessage({ kind: 'call', id, name, args } satisfies Message);
    });
  }

  /** Tells the other thread, without an answer. */
  notify<Name extends keyof Theirs & string>(name: Name, ...args: Parameters<Theirs[Name]>): void {
    if (this.#closed === undefined) this.#port.postMessage({ kind: 'notice', name, args } satisfies Message);
  }

  /** Fails every call that still waits, and every later one: the other thread is gone. */
  close(reason: Error): void {
    this.#closed = reason;
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
  }

  async #receive(message: Message): Promise<void> {
    switch (message.kind) {
      case 'notice':
        await this.#handle(message.name, message.args);
        return;
      case 'call':
        try {
          const value = await this.#handle(message.name, message.args);
          this.#port.postMessage({ kind: 'result', id: message.id, value } satisfies Message);
        } catch (error) {
          this.#port.postMessage({ kind: 'failure', id: message.id, error } satisfies Message);
        }
        return;
      case 'result':
        this.#settle(message.id)?.resolve(message.value);
        return;
      case 'failure':
        this.#settle(message.id)?.reject(message.error);
    }
  }

  #handle(name: string, args: unknown[]): unknown {
    const handler = this.#handlers[name] as ((...values: unknown[]) => unknown) | undefined;
    if (handler === undefined) throw new Error(`this thread has no handler ${name}`);
    return handler(...args);
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}
