/** The packets of MQTT 3.1.1 that are looked at (2.2.1). */
export const packetType = { connect: 1, publish: 3, puback: 4, disconnect: 14 } as const;

/** A packet whose header has arrived, but not yet its body. */
export interface FrameHeader {
  readonly type: number;
  readonly qos: number;
  /** Of the whole packet. */
  readonly bytes: number;
}

/**
 * Follows the boundaries of packets through a stream, so that a packet can be refused by its header before its body fills memory.
 * `read` returns what is wrong, for good.
 */
export class MqttFrames {
  readonly #maxBytes: number;
  readonly #began: (header: FrameHeader) => string | undefined;
  #header: number | undefined;
  #length = 0;
  #lengthBytes = 0;
  #skip = 0;
  #problem: string | undefined;

  /** `began` is asked about each packet, and says what is wrong with it. */
  constructor(maxBytes: number, began: (header: FrameHeader) => string | undefined = () => undefined) {
    this.#maxBytes = maxBytes;
    this.#began = began;
  }

  read(chunk: Uint8Array): string | undefined {
    for (let at = 0; at < chunk.length && this.#problem === undefined;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      this.#problem = this.#readHeader(chunk[at] ?? 0);
      at++;
    }
    return this.#problem;
  }

  /** The remaining length has 7 bits a byte, the lowest first, in at most 4 bytes (2.2.3). */
  #readHeader(byte: number): string | undefined {
    if (this.#header === undefined) {
      this.#header = byte;
      this.#length = 0;
      this.#lengthBytes = 0;
      return undefined;
    }
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes++;
    if ((byte & 0x80) !== 0) return this.#lengthBytes < 4 ? undefined : 'what came is no MQTT: a length of more than 4 bytes';
    const bytes = 1 + this.#lengthBytes + this.#length;
    const header = this.#header;
    this.#header = undefined;
    this.#skip = this.#length;
    if (bytes > this.#maxBytes) return `a packet of ${bytes} bytes came; at most ${this.#maxBytes} are taken`;
    return this.#began({ type: header >> 4, qos: (header >> 1) & 3, bytes });
  }
}
