import { WireError } from '../bytes/wire-error.ts';

/** Record marking (RFC 5531 11): a record is one or more fragments, each after 4 bytes of length and a last-fragment bit. */

export const lastFragment = 0x8000_0000;
const markBytes = 4;
/** libtirpc cuts a long record every 9,000 bytes or so; nobody needs more pieces than this for a call that we accept. */
const maxFragments = 256;

/** Cuts the bytes of one TCP connection into records. */
export class RecordStream {
  readonly #maxRecordBytes: number;
  /** What came and is not used up, joined only when the next step has all it needs. */
  #chunks: Uint8Array[] = [];
  #available = 0;
  #needed = markBytes;
  #fragments: Uint8Array[] = [];
  #fragmentBytes = 0;

  constructor(maxRecordBytes: number) {
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** Bytes that wait for more: a connection that is idle between records holds none. */
  get pendingBytes(): number {
    return this.#available + this.#fragmentBytes;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#available += chunk.length;
  }

  /**
   * The next whole record, or `undefined` until more bytes come. A view of the last chunk where it can be.
   * @throws WireError for a record beyond the limit, in too many pieces, or an empty piece; the connection is then lost.
   */
  next(): Uint8Array | undefined {
    while (this.#available >= this.#needed) {
      const bytes = this.#joined();
      const mark = ((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
      const isLast = mark < 0;
      const length = mark & 0x7fff_ffff;
      if (this.#fragmentBytes + length > this.#maxRecordBytes)
        throw new WireError('record-too-long', 0, `a record has at least ${this.#fragmentBytes + length} bytes`);
      if (length === 0 && !isLast) throw new WireError('empty-fragment', 0, 'a fragment is empty and not the last');
      if (bytes.length < markBytes + length) {
        this.#needed = markBytes + length;
        return undefined;
      }
      const fragment = bytes.subarray(markBytes, markBytes + length);
      this.#consume(bytes, markBytes + length);
      if (isLast && this.#fragments.length === 0) return fragment;
      this.#fragments.push(fragment);
      this.#fragmentBytes += length;
      if (this.#fragments.length > maxFragments)
        throw new WireError('too-many-fragments', 0, `a record has over ${maxFragments} fragments`);
      if (isLast) return this.#takeFragments();
    }
    return undefined;
  }

  #joined(): Uint8Array {
    const [first] = this.#chunks;
    if (first !== undefined && this.#chunks.length === 1) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #consume(bytes: Uint8Array, length: number): void {
    this.#chunks = length === bytes.length ? [] : [bytes.subarray(length)];
    this.#available -= length;
    this.#needed = markBytes;
  }

  #takeFragments(): Uint8Array {
    const record = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#fragmentBytes = 0;
    return record;
  }
}
