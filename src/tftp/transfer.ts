import type { Clock, Timer } from '../clock.ts';
import type { BlockSource } from './block-source.ts';
import type { Agreement } from './negotiation.ts';
import { dataHeaderBytes, encodeTftp, errorCode, writeDataHeader, type TftpPacket } from './packet.ts';
import type { RetransmissionTimer } from './retransmission-timer.ts';

export interface TransferParts {
  readonly source: BlockSource;
  readonly agreement: Agreement;
  readonly timer: RetransmissionTimer;
  readonly clock: Clock;
  /** How long the client may be silent before the transfer is given up. */
  readonly giveUpMs: number;
  /** The bytes may be reused when it returns. */
  send(bytes: Uint8Array): void;
  /** Called once. */
  onEnd(end: TransferEnd): void;
}

export type TransferEnd =
  | { readonly kind: 'finished'; readonly bytes: number }
  | { readonly kind: 'aborted'; readonly bytes: number; readonly reason: string };

/**
 * An OACK is not sent again sooner: atftp ends a transfer at the second one, and on a busy machine the ACK of the first
 * may well take longer than any measured wait.
 */
const greetingWaitMs = 500;
/** A request that comes again within this time is a duplicate of the network, later it is the client's own timer. */
const repeatedRequestMs = 50;

/**
 * The sender's side of one read (RFC 1350, windows RFC 7440). It knows no socket: packets come in by `onPacket`, time by
 * its clock, and what it says leaves by `send`. Blocks are counted from 1 without roll-over; only the wire has 16 bits.
 */
export class Transfer {
  readonly #parts: TransferParts;
  readonly #packet: Uint8Array;
  readonly #lastBlock: number;
  #state: 'greeting' | 'sending' | 'ended' = 'sending';
  /** Everything up to this block has arrived. */
  #acked = 0;
  /** The last block of the window that is under way. */
  #sent = 0;
  /** The last block that was ever sent, and the last one that had been when this window began: Karn's rule. */
  #highest = 0;
  #highestBefore = 0;
  #windowSentMs = 0;
  /** The OACK was sent twice, or this window was already sent again for a repeated ACK. */
  #repeated = false;
  #loading = false;
  /** In a row, without an ACK between them. */
  #timeouts = 0;
  #progressMs: number;
  #timeout: Timer | undefined;

  constructor(parts: TransferParts) {
    this.#parts = parts;
    this.#packet = new Uint8Array(dataHeaderBytes + parts.agreement.blockBytes);
    this.#lastBlock = Math.floor(parts.source.size / parts.agreement.blockBytes) + 1;
    this.#progressMs = parts.clock.monotonic();
  }

  /** Bytes that the client has acknowledged. */
  get ackedBytes(): number {
    return Math.min(this.#parts.source.size, this.#acked * this.#parts.agreement.blockBytes);
  }

  /** Nothing was acknowledged yet: a repeated request may be a lost answer. */
  get untouched(): boolean {
    return this.#state === 'greeting' || (this.#state === 'sending' && this.#acked === 0);
  }

  get silentMs(): number {
    return this.#parts.clock.monotonic() - this.#progressMs;
  }

  start(): void {
    if (this.#parts.agreement.accepted.length > 0) {
      this.#state = 'greeting';
      this.#greet();
    } else this.#fill();
  }

  onPacket(packet: TftpPacket): void {
    if (this.#state === 'ended') return;
    switch (packet.kind) {
      case 'ack':
        if (this.#state === 'greeting') this.#onGreetingAck(packet.block);
        else this.#onAck(packet.block);
        return;
      case 'error':
        this.#end(`the client said ERROR ${packet.code}: ${printable(packet.message)}`);
        return;
      case 'rrq':
      case 'wrq':
      case 'data':
      case 'oack':
        this.abort(
          `the client sent ${packet.kind.toUpperCase()} into a running read`,
          errorCode.illegalOperation,
          'only ACK and ERROR fit here',
        );
    }
  }

  /** The client asked again from the same port: it has not seen the OACK. A lost DATA is the timer's to repair. */
  onRepeatedRequest(): void {
    if (this.#state !== 'greeting' || this.#parts.clock.monotonic() - this.#windowSentMs < repeatedRequestMs) return;
    this.#repeated = true;
    this.#greet();
  }

  /** Runs by the transfer's own timer. */
  onTimeout(): void {
    if (this.#state === 'ended') return;
    this.#timeout = undefined;
    const { timer, giveUpMs } = this.#parts;
    if (this.silentMs >= giveUpMs) {
      const seconds = Math.round(giveUpMs / 1000);
      const what = this.#sent === this.#lastBlock ? 'the last block' : this.#state === 'greeting' ? 'the OACK' : `block ${this.#acked + 1}`;
      this.abort(`${what} was not acknowledged for ${seconds} s`, errorCode.undefined, `no ACK for ${seconds} s`);
      return;
    }
    timer.timedOut();
    this.#repeated = true;
    this.#timeouts++;
    if (this.#state === 'greeting') this.#greet();
    else if (this.#timeouts > 1 || !this.#probe()) this.#resend();
  }

  /** Ends the transfer from our side; with a message, the client is told why. */
  abort(reason: string, code: number = errorCode.undefined, message?: string): void {
    if (this.#state === 'ended') return;
    if (message !== undefined) this.#parts.send(encodeTftp({ kind: 'error', code, message }));
    this.#end(reason);
  }

  #greet(): void {
    this.#windowSentMs = this.#parts.clock.monotonic();
    this.#parts.send(encodeTftp({ kind: 'oack', options: this.#parts.agreement.accepted }));
    this.#arm(greetingWaitMs);
  }

  #onGreetingAck(block: number): void {
    if (block !== 0) return;
    const nowMs = this.#parts.clock.monotonic();
    if (!this.#repeated) this.#parts.timer.sample(nowMs - this.#windowSentMs);
    this.#state = 'sending';
    this.#progressMs = nowMs;
    this.#nextWindow();
  }

  #onAck(block: number): void {
    const distance = (block - this.#acked) & 0xffff;
    if (distance === 0) this.#onRepeatedAck();
    // An ACK from the past, or of a block that was never sent, changes nothing.
    if (distance === 0 || distance > this.#highest - this.#acked) return;
    const nowMs = this.#parts.clock.monotonic();
    this.#acked += distance;
    this.#progressMs = nowMs;
    if (this.#acked > this.#highestBefore) this.#parts.timer.sample(nowMs - this.#windowSentMs);
    if (this.#acked === this.#lastBlock) this.#end();
    else this.#nextWindow();
  }

  /**
   * In lock-step no DATA goes out for a repeated ACK (RFC 1123 4.2.3.1). With a window, RFC 7440 4 lets the client name
   * the last block before a gap, which is the one it named before where the first block was lost: that sends the window
   * again, once, and not where the ACK comes too early to be about this window.
   */
  #onRepeatedAck(): void {
    const { timer, clock } = this.#parts;
    if (this.#sent - this.#acked < 2 || this.#repeated || this.#loading) return;
    if (clock.monotonic() - this.#windowSentMs < (timer.roundTripMs ?? 0) / 2) return;
    this.#repeated = true;
    this.#resend();
  }

  /**
   * The last block of a window again, and only that one: it draws an ACK whether this block, another one or only the ACK
   * was lost, and a whole window of repeated blocks would draw as many ACKs from an EDK2 client. Should it not help, the
   * next timeout sends the window.
   */
  #probe(): boolean {
    if (this.#sent - this.#acked < 2 || this.#loading) return false;
    if (!this.#sendBlock(this.#sent)) return false;
    this.#highestBefore = this.#highest;
    this.#windowSentMs = this.#parts.clock.monotonic();
    this.#repeated = false;
    this.#arm();
    return true;
  }

  #nextWindow(): void {
    this.#repeated = false;
    this.#timeouts = 0;
    this.#resend();
  }

  #resend(): void {
    this.#sent = this.#acked;
    this.#highestBefore = this.#highest;
    if (!this.#loading) this.#fill();
  }

  /** Sends what the window has room for; where the disk has not delivered yet, the rest follows when it has. */
  #fill(): void {
    const { agreement } = this.#parts;
    this.#timeout?.cancel();
    this.#timeout = undefined;
    this.#windowSentMs = this.#parts.clock.monotonic();
    while (this.#sent < Math.min(this.#acked + agreement.windowBlocks, this.#lastBlock)) {
      if (!this.#sendBlock(this.#sent + 1)) {
        void this.#load(this.#sent + 1);
        return;
      }
      this.#sent++;
      this.#highest = Math.max(this.#highest, this.#sent);
    }
    this.#arm();
  }

  /** `false` where its bytes are not in memory. */
  #sendBlock(block: number): boolean {
    const { source } = this.#parts;
    const { offset, length } = this.#extent(block);
    if (!source.copy(offset, this.#packet.subarray(dataHeaderBytes, dataHeaderBytes + length))) return false;
    writeDataHeader(this.#packet, 0, block);
    this.#parts.send(this.#packet.subarray(0, dataHeaderBytes + length));
    return true;
  }

  #extent(block: number): { readonly offset: number; readonly length: number } {
    const { agreement, source } = this.#parts;
    const offset = (block - 1) * agreement.blockBytes;
    return { offset, length: Math.min(agreement.blockBytes, source.size - offset) };
  }

  async #load(block: number): Promise<void> {
    const { offset, length } = this.#extent(block);
    this.#loading = true;
    try {
      await this.#parts.source.load(offset, length);
    } catch (error) {
      this.abort(
        `reading the file failed: ${error instanceof Error ? error.message : String(error)}`,
        errorCode.undefined,
        'the server cannot read the file',
      );
      return;
    } finally {
      this.#loading = false;
    }
    if (this.#state === 'sending') this.#fill();
  }

  #arm(atLeastMs = 0): void {
    const { timer, clock, giveUpMs } = this.#parts;
    this.#timeout?.cancel();
    this.#timeout = clock.after(Math.min(Math.max(timer.delayMs, atLeastMs), Math.max(1, giveUpMs - this.silentMs)), () =>
      this.onTimeout(),
    );
  }

  #end(reason?: string): void {
    this.#state = 'ended';
    this.#timeout?.cancel();
    this.#timeout = undefined;
    this.#parts.source.close();
    const bytes = this.ackedBytes;
    this.#parts.onEnd(reason === undefined ? { kind: 'finished', bytes } : { kind: 'aborted', bytes, reason });
  }
}

/** A client's words go to people and logs without control characters and not at any length. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}+/gu, ' ').slice(0, 120);
}
