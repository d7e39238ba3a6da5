import type { Clock, Timer } from '../../src/clock.ts';
import type { UdpChannel, UdpNetwork, UdpPeer } from '../../src/net/udp-channel.ts';
import { decodeTftp, encodeTftp, type TftpOption } from '../../src/tftp/packet.ts';

export interface ClientWish {
  readonly path: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly mode?: string;
  readonly port?: number;
}

/** A reader as RFC 1350 and RFC 7440 describe it, with a fixed timer of one second: the loss is the server's to repair. */
export class TftpClient {
  readonly pieces: Uint8Array[] = [];
  /** The clock's times at which new bytes came in. */
  readonly progressMs: number[] = [];
  oack: readonly TftpOption[] = [];
  error: { readonly code: number; readonly message: string } | undefined;
  done = false;
  /** DATA packets that it had already. */
  repeats = 0;
  readonly #channel: UdpChannel;
  readonly #clock: Clock;
  readonly #server: UdpPeer;
  readonly #request: Uint8Array;
  #transfer: UdpPeer | undefined;
  #blockBytes = 512;
  #window = 1;
  #received = 0;
  #ackedUpTo = 0;
  #timer: Timer | undefined;

  private constructor(channel: UdpChannel, clock: Clock, server: UdpPeer, wish: ClientWish) {
    this.#channel = channel;
    this.#clock = clock;
    this.#server = server;
    const options = Object.entries(wish.options ?? {}).map(([name, value]) => ({ name, value }));
    this.#request = encodeTftp({ kind: 'rrq', path: wish.path, mode: wish.mode ?? 'octet', options });
    channel.onDatagram((bytes, from) => this.#receive(bytes, from));
    this.#ask();
  }

  static async get(network: UdpNetwork, clock: Clock, address: string, server: UdpPeer, wish: ClientWish): Promise<TftpClient> {
    return new TftpClient(await network.bindAddress(address, wish.port ?? 0), clock, server, wish);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** Switched off: says nothing any more. */
  async vanish(): Promise<void> {
    this.#timer?.cancel();
    await this.#channel.close();
  }

  #ask(): void {
    this.#channel.send(this.#request, this.#server);
    this.#arm(() => this.#ask());
  }

  #receive(datagram: Uint8Array, from: UdpPeer): void {
    if (this.#transfer !== undefined && (from.port !== this.#transfer.port || from.address !== this.#transfer.address)) return;
    const packet = decodeTftp(datagram);
    if (packet.kind === 'error') {
      this.error = packet;
      this.#timer?.cancel();
      return;
    }
    this.#transfer = from;
    if (packet.kind === 'oack') {
      if (this.#received > 0) return;
      this.oack = packet.options;
      for (const { name, value } of packet.options) {
        if (name.toLowerCase() === 'blksize') this.#blockBytes = Number(value);
        if (name.toLowerCase() === 'windowsize') this.#window = Number(value);
      }
      this.#ack();
    } else if (packet.kind === 'data') this.#onData(packet.block, packet.bytes);
  }

  #onData(block: number, bytes: Uint8Array): void {
    const ahead = (block - this.#received) & 0xffff;
    if (ahead === 1) {
      this.#received++;
      this.pieces.push(Uint8Array.from(bytes));
      this.progressMs.push(this.#clock.monotonic());
      const last = bytes.length < this.#blockBytes;
      if (last || this.#received - this.#ackedUpTo === this.#window) this.#ack();
      else this.#arm(() => this.#ack());
      if (last) {
        this.done = true;
        this.#timer?.cancel();
      }
      return;
    }
    // As EDK2 does: whatever comes unexpected, before or behind, is answered with the last block that came in order.
    if (ahead > 0x8000 || ahead === 0) this.repeats++;
    this.#ack();
  }

  #ack(): void {
    this.#ackedUpTo = this.#received;
    if (this.#transfer !== undefined) this.#channel.send(encodeTftp({ kind: 'ack', block: this.#received & 0xffff }), this.#transfer);
    if (!this.done) this.#arm(() => this.#ack());
  }

  #arm(action: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(1_000, action);
  }
}
