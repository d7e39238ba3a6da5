import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { UdpChannel, UdpPeer } from './udp-channel.ts';

const WATCH_MS = 1000;

export interface InterfaceChannelParts {
  readonly name: string;
  readonly index: number;
  readonly first: UdpChannel;
  readonly reopen: () => Promise<UdpChannel>;
  /** 0 where there is no such interface now. */
  readonly interfaceIndex: (name: string) => number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A channel on an interface that may be deleted and made again under the same name: the old socket is deaf then, without
 * any error, so the interface's number is watched and the socket opened anew.
 */
export class InterfaceChannel implements UdpChannel {
  readonly local: UdpPeer;
  readonly #parts: InterfaceChannelParts;
  #current: UdpChannel;
  #index: number;
  #timer: Timer;
  #closed = false;
  #datagramListener: (bytes: Uint8Array, from: UdpPeer) => void = () => {};
  #errorListener: (error: Error) => void = () => {};

  constructor(parts: InterfaceChannelParts) {
    this.#parts = parts;
    this.#index = parts.index;
    this.#current = parts.first;
    this.local = parts.first.local;
    this.#listen(parts.first);
    this.#timer = parts.clock.after(WATCH_MS, () => this.#watch());
  }

  onDatagram(listener: (bytes: Uint8Array, from: UdpPeer) => void): void {
    this.#datagramListener = listener;
  }

  onError(listener: (error: Error) => void): void {
    this.#errorListener = listener;
  }

  send(bytes: Uint8Array, to: UdpPeer): void {
    this.#current.send(bytes, to);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#timer.cancel();
    return this.#current.close();
  }

  #listen(channel: UdpChannel): void {
    channel.onDatagram((bytes, from) => this.#datagramListener(bytes, from));
    channel.onError((error) => this.#errorListener(error));
  }

  #watch(): void {
    const { name, clock, log } = this.#parts;
    const index = this.#parts.interfaceIndex(name);
    const again = (): void => {
      if (!this.#closed) this.#timer = clock.after(WATCH_MS, () => this.#watch());
    };
    if (index === this.#index) return again();
    if (index === 0) {
      log.warn({ interface: name }, 'the interface is gone; waiting for it to come back');
      this.#index = 0;
      return again();
    }
    void this.#replace(index)
      .catch((error: unknown) => this.#errorListener(error instanceof Error ? error : new Error(String(error))))
      .finally(again);
  }

  async #replace(index: number): Promise<void> {
    const { name, log } = this.#parts;
    const next = await this.#parts.reopen();
    if (this.#closed) return next.close();
    const old = this.#current;
    this.#listen(next);
    this.#current = next;
    this.#index = index;
    await old.close();
    log.info({ interface: name, index }, 'the interface is back; listening on it again');
  }
}
