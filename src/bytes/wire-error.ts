/** What a decoder throws, and the only thing it throws: the bytes are not what their specification says. */
export class WireError extends Error {
  override readonly name = 'WireError';
  /** Stable and short, for tests and for counting: `truncated`, `trailing`, `bad-magic`... */
  readonly code: string;
  /** Where in the datagram or record, in bytes. */
  readonly offset: number;

  constructor(code: string, offset: number, message: string) {
    super(`${message} (at byte ${offset})`);
    this.code = code;
    this.offset = offset;
  }
}
