import { createSocket, type Socket } from 'node:dgram';
import { closeDescriptor } from './kernel-socket.ts';
import type { UdpChannel, UdpPeer } from './udp-channel.ts';

/** Addresses are always numbers here; answering at once keeps `send` synchronous, so that callers may reuse their buffer. */
function noLookup(host: string, _options: unknown, callback: (error: null, address: string, family: number) => void): void {
  callback(null, host, 4);
}

/** A `dgram` socket around a descriptor that is bound already. */
export class DgramChannel implements UdpChannel {
  readonly local: UdpPeer;
  readonly #socket: Socket;
  #scratch = Buffer.allocUnsafeSlow(2048);
  #errorListener: (error: Error) => void = () => {};
  #closed = false;

  private constructor(socket: Socket, local: UdpPeer) {
    this.#socket = socket;
    this.local = local;
    socket.on('error', (error) => this.#errorListener(error));
  }

  /** Takes the descriptor over: it is closed with the channel, and also when this fails. */
  static async adopt(fd: number): Promise<DgramChannel> {
    const socket = createSocket({ type: 'udp4', lookup: noLookup });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ fd, exclusive: true }, () => {
          socket.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
    const { address, port } = socket.address();
    return new DgramChannel(socket, { address, port });
  }

  onDatagram(listener: (bytes: Uint8Array, from: UdpPeer) => void): void {
    this.#socket.on('message', (bytes, from) => listener(bytes, from));
  }

  onError(listener: (error: Error) => void): void {
    this.#errorListener = listener;
  }

  send(bytes: Uint8Array, to: UdpPeer): void {
    if (this.#closed) return;
    if (bytes.length > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(bytes.length);
    this.#scratch.set(bytes);
    this.#socket.send(this.#scratch, 0, bytes.length, to.port, to.address, (error) => {
      if (error !== null && !this.#closed) this.#errorListener(error);
    });
    // The kernel's buffer is full and Node has queued the bytes by reference: leave them to it.
    if (this.#socket.getSendQueueCount() > 0) this.#scratch = Buffer.allocUnsafeSlow(this.#scratch.length);
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}
