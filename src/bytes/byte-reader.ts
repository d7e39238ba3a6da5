import { WireError } from './wire-error.ts';

/** Reads a datagram or record from front to back, big-endian, and throws {@link WireError} instead of reading past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(what = 'a byte'): number {
    return this.#view.getUint8(this.#take(1, what));
  }

  u16(what = 'a 16-bit number'): number {
    return this.#view.getUint16(this.#take(2, what));
  }

  u32(what = 'a 32-bit number'): number {
    return this.#view.getUint32(this.#take(4, what));
  }

  u64(what = 'a 64-bit number'): bigint {
    return this.#view.getBigUint64(this.#take(8, what));
  }

  /** A view of the next `length` bytes, not a copy: it lives as long as the datagram's buffer does. */
  bytes(length: number, what = 'bytes'): Uint8Array {
    const start = this.#take(length, what);
    return this.#bytes.subarray(start, start + length);
  }

  /** Everything that is left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  skip(length: number, what = 'bytes'): void {
    this.#take(length, what);
  }

  /** Checks that every byte was used. */
  expectEnd(what = 'the message'): void {
    if (this.remaining > 0) throw new WireError('trailing', this.#offset, `${this.remaining} bytes after the end of ${what}`);
  }

  #take(length: number, what: string): number {
    const start = this.#offset;
    if (length < 0 || length > this.#bytes.length - start) {
      throw new WireError('truncated', start, `${what} needs ${length} bytes, ${this.#bytes.length - start} are left`);
    }
    this.#offset = start + length;
    return start;
  }
}
