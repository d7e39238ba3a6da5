import { ByteWriter } from '../bytes/byte-writer.ts';
import { lastFragment } from './record-stream.ts';

const firstBytes = 512;

/**
 * The answers to everything that came in one read, to be sent in one write: small ones side by side in one buffer, file
 * blocks by reference between them.
 */
export class ReplyBatch {
  /** Where results are written. Its buffer may move when it grows; use it only through its methods. */
  readonly writer = new ByteWriter(firstBytes);
  readonly #framed: boolean;
  /** Blocks, and how many bytes of the writer come before each. */
  readonly #blocks: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #blockBytes = 0;
  #markAt = 0;
  #blocksBefore = 0;
  #blockBytesBefore = 0;

  /** `framed` puts a record mark before each answer (TCP). */
  constructor(framed: boolean) {
    this.#framed = framed;
  }

  get byteLength(): number {
    return this.writer.length + this.#blockBytes;
  }

  begin(): void {
    this.#markAt = this.writer.length;
    this.#blocksBefore = this.#blocks.length;
    this.#blockBytesBefore = this.#blockBytes;
    if (this.#framed) this.writer.u32(0);
  }

  /** Sends these bytes next, without copying them: they must not change until they are sent. */
  reference(bytes: Uint8Array): void {
    this.#blocks.push({ at: this.writer.length, bytes });
    this.#blockBytes += bytes.length;
  }

  /** Takes back all that was written since `begin`, so that another answer can be written. */
  restart(): void {
    this.writer.truncate(this.#markAt);
    this.#blocks.length = this.#blocksBefore;
    this.#blockBytes = this.#blockBytesBefore;
    this.begin();
  }

  end(): void {
    if (!this.#framed) return;
    const length = this.writer.length - this.#markAt - 4 + this.#blockBytes - this.#blockBytesBefore;
    this.writer.patchU32(this.#markAt, (lastFragment | length) >>> 0);
  }

  /** The batch in sending order. */
  parts(): Uint8Array[] {
    const written = this.writer.finish();
    if (this.#blocks.length === 0) return written.length === 0 ? [] : [written];
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const { at, bytes } of this.#blocks) {
      if (at > from) parts.push(written.subarray(from, at));
      parts.push(bytes);
      from = at;
    }
    if (from < written.length) parts.push(written.subarray(from));
    return parts;
  }
}
