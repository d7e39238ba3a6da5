import { WireError } from '../bytes/wire-error.ts';
import type { Clock } from '../clock.ts';
import { ReplyBatch } from './reply-batch.ts';
import { RecordStream } from './record-stream.ts';
import type { Caller, RpcDispatcher } from './rpc-dispatcher.ts';

/** The way back to a client. The real one is a TCP socket. */
export interface ReplySink {
  /** Sends the parts in order, in one system call where it can. */
  write(parts: readonly Uint8Array[]): void;
  /** Bytes written that the kernel has not taken. */
  readonly unsentBytes: number;
  /** Stops and restarts the flow of requests. */
  pause(): void;
  resume(): void;
  /** Drops the connection. `reason` is of a closed set of texts. */
  close(reason: string, detail: string): void;
}

export interface ConnectionLimits {
  readonly maxRecordBytes: number;
  /** Answers that one client may leave unread; beyond it, its requests wait. */
  readonly maxUnsentBytes: number;
  /** How long a client may be silent between requests. */
  readonly idleMs: number;
  /** How long half a request, or answers that nobody reads, may stand still. */
  readonly stallMs: number;
}

export const connectionLimits: ConnectionLimits = {
  maxRecordBytes: 128 * 1024,
  maxUnsentBytes: 4 * 1024 * 1024,
  // Linux drops an idle connection itself after 5 minutes and makes a new one when it needs it.
  idleMs: 15 * 60_000,
  stallMs: 60_000,
};

/** One TCP connection of an RPC client: bytes in, answers out, in order. Holds no socket. */
export class RpcConnection {
  readonly #dispatcher: RpcDispatcher;
  readonly #caller: Caller;
  readonly #sink: ReplySink;
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #records: RecordStream;
  #closed = false;
  #paused = false;
  #progressMs: number;
  #unsentAtProgress = 0;

  constructor(
    dispatcher: RpcDispatcher,
    caller: Caller,
    sink: ReplySink,
    { limits = connectionLimits, clock }: { readonly limits?: ConnectionLimits; readonly clock: Clock },
  ) {
    this.#dispatcher = dispatcher;
    this.#caller = caller;
    this.#sink = sink;
    this.#limits = limits;
    this.#clock = clock;
    this.#records = new RecordStream(limits.maxRecordBytes);
    this.#progressMs = clock.monotonic();
  }

  onBytes(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#records.push(chunk);
    this.#progressMs = this.#clock.monotonic();
    this.#answerAll();
  }

  /** The client has read what was sent: go on with the requests that waited. */
  onDrain(): void {
    if (this.#closed) return;
    this.#progressMs = this.#clock.monotonic();
    this.#answerAll();
  }

  /** To be called now and then: closes a connection on which nothing moves. */
  onTimeout(): void {
    if (this.#closed) return;
    const nowMs = this.#clock.monotonic();
    const unsent = this.#sink.unsentBytes;
    if (unsent < this.#unsentAtProgress) this.#progressMs = nowMs;
    this.#unsentAtProgress = unsent;
    const silentMs = nowMs - this.#progressMs;
    if (unsent > 0 && silentMs >= this.#limits.stallMs) this.#close('client reads no answers', `${unsent} bytes wait`);
    else if (this.#records.pendingBytes > 0 && unsent === 0 && silentMs >= this.#limits.stallMs)
      this.#close('half a request', `${this.#records.pendingBytes} bytes wait`);
    else if (silentMs >= this.#limits.idleMs) this.#close('idle connection', '');
  }

  onClosed(): void {
    this.#closed = true;
  }

  #answerAll(): void {
    try {
      while (this.#answerBatch());
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#close('malformed record', error.message);
    }
  }

  /** Answers what is there, up to the limit of unsent bytes; true where records may be left and the client reads. */
  #answerBatch(): boolean {
    const room = this.#limits.maxUnsentBytes - this.#sink.unsentBytes;
    if (room <= 0) {
      this.#setPaused(true);
      return false;
    }
    const reply = new ReplyBatch(true);
    let isFull = false;
    try {
      for (let record = this.#records.next(); record !== undefined; record = this.#records.next()) {
        this.#dispatcher.answer(record, this.#caller, reply);
        isFull = reply.byteLength >= room;
        if (isFull) break;
      }
    } finally {
      // Answers to good records go out even when the one after them is malformed.
      const parts = reply.parts();
      if (parts.length > 0) this.#sink.write(parts);
    }
    if (!isFull) this.#setPaused(false);
    return isFull;
  }

  #setPaused(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#sink.pause();
    else this.#sink.resume();
  }

  #close(reason: string, detail: string): void {
    this.#closed = true;
    this.#sink.close(reason, detail);
  }
}
