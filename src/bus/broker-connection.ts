import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock, Timer } from '../clock.ts';
import type { BrokerLimits } from './broker-limits.ts';
import { Inflow } from './inflow.ts';
import { MqttFrames, packetType } from './mqtt-frames.ts';
import type { FrameHeader } from './mqtt-frames.ts';

export interface BrokerConnectionParts {
  readonly clock: Clock;
  readonly limits: BrokerLimits;
  /** By the key that its TLS was made with. */
  readonly username: string;
  /** More was queued for it; the broker looks at all of them together. */
  readonly queued: () => void;
  /** It is over, with our reason where there is one. */
  readonly ended: (end: { readonly reason: string | undefined; readonly flood: boolean }) => void;
}

const goodbyeMs = 1000;

/**
 * What stands between a client's socket and the broker: it looks at the headers of packets before their bodies come, slows down who
 * sends too much, and gives up who reads too little. The broker itself is never made to wait by a socket that is full.
 */
export class BrokerConnection {
  readonly username: string;
  /** What the broker reads and writes. */
  readonly stream: Duplex;
  readonly #socket: Socket;
  readonly #parts: BrokerConnectionParts;
  readonly #inflow: Inflow;
  readonly #frames: MqttFrames;
  #authenticated = false;
  #greeted = false;
  #held: Timer | undefined;
  #reason: string | undefined;
  #flood = false;

  constructor(socket: Socket, parts: BrokerConnectionParts) {
    this.username = parts.username;
    this.#socket = socket;
    this.#parts = parts;
    this.#inflow = new Inflow(parts.clock, parts.limits);
    this.#frames = new MqttFrames(parts.limits.packetBytes, (header) => this.#judge(header));
    this.stream = new Duplex({
      read: () => {
        if (this.#held === undefined) socket.resume();
      },
      write: (chunk: Buffer, _encoding, done) => this.#write(chunk, done),
      writev: (chunks, done) => this.#write(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done),
      destroy: (error, done) => {
        this.#leave();
        done(error);
      },
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('end', () => this.stream.push(null));
    socket.on('error', (error) => (this.#reason ??= error.message));
    socket.on('close', () => {
      this.#held?.cancel();
      this.stream.destroy();
      parts.ended({ reason: this.#reason, flood: this.#flood });
    });
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  authenticated(): void {
    this.#authenticated = true;
  }

  /** At once; the first reason counts. */
  end(reason: string): void {
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  /** What the broker still said, such as why it refused the CONNECT, is sent. */
  #leave(): void {
    if (this.#socket.destroyed) return;
    const timer = this.#parts.clock.after(goodbyeMs, () => this.#socket.destroy());
    this.#socket.once('close', () => timer.cancel());
    this.#socket.resume();
    this.#socket.destroySoon();
  }

  #read(chunk: Buffer): void {
    const problem = this.#frames.read(chunk);
    if (problem !== undefined) {
      this.end(problem);
      return;
    }
    const verdict = this.#inflow.read(chunk.length);
    if (verdict.kind === 'flood') {
      this.#flood = true;
      this.end(verdict.reason);
      return;
    }
    if (verdict.kind === 'wait') this.#hold(verdict.waitMs);
    if (!this.stream.push(chunk)) this.#socket.pause();
  }

  #hold(waitMs: number): void {
    this.#socket.pause();
    this.#held ??= this.#parts.clock.after(waitMs, () => {
      this.#held = undefined;
      this.#socket.resume();
    });
  }

  #judge({ type, qos, bytes }: FrameHeader): string | undefined {
    this.#inflow.packet();
    if (!this.#greeted) {
      this.#greeted = true;
      if (type !== packetType.connect) return 'its first packet was no CONNECT';
      return bytes > this.#parts.limits.connectBytes ? `its CONNECT has ${bytes} bytes` : undefined;
    }
    if (!this.#authenticated) return 'it went on before it was let in';
    return type !== packetType.publish || qos < 2 ? undefined : 'it published with QoS 2, which this broker does not have';
  }

  #write(chunk: Buffer, done: (error?: Error) => void): void {
    this.#socket.write(chunk);
    const { queuedBytesOfClient } = this.#parts.limits;
    if (this.queuedBytes > queuedBytesOfClient) this.end(`it reads too slowly: ${this.queuedBytes} bytes wait for it`);
    else this.#parts.queued();
    done();
  }
}
