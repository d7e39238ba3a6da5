/** The bytes of one transfer, block by block. */
export interface BlockSource {
  readonly size: number;
  /** Fills `into` from `offset` on; `false` where the bytes are not in memory yet: `load` them and try again. */
  copy(offset: number, into: Uint8Array): boolean;
  /** Rejects where the file can not be read or is no longer as long as it was. */
  load(offset: number, length: number): Promise<void>;
  close(): void;
}

export function bytesSource(bytes: Uint8Array): BlockSource {
  return {
    size: bytes.length,
    copy(offset, into) {
      into.set(bytes.subarray(offset, offset + into.length));
      return true;
    },
    load: () => Promise.resolve(),
    close() {},
  };
}

/** RFC 764's network text: each line ends with CR LF, a CR that ends none is followed by NUL. */
export function netascii(bytes: Uint8Array): Uint8Array {
  const text: number[] = [];
  for (const [index, byte] of bytes.entries()) {
    if (byte === 0x0a && bytes[index - 1] !== 0x0d) text.push(0x0d, 0x0a);
    else if (byte === 0x0d && bytes[index + 1] !== 0x0a) text.push(0x0d, 0x00);
    else text.push(byte);
  }
  return Uint8Array.from(text);
}
