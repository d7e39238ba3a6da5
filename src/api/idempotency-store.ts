/** The answer that a POST with an Idempotency-Key got, to be given again. */
export interface KeptAnswer {
  readonly actor: string;
  readonly key: string;
  /** sha256 of method, path and body: another request under the same key is refused. */
  readonly requestHash: string;
  /** Absent while the first one is still being worked on. */
  readonly answer?: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string };
  /** Wall-clock milliseconds. */
  readonly createdMs: number;
}

export interface IdempotencyStore {
  /** Takes the key; where it is taken already, says by what. */
  begin(kept: KeptAnswer): Promise<KeptAnswer | undefined>;
  finish(kept: KeptAnswer): Promise<void>;
  /** Gives the key back: nothing was done. */
  forget(actor: string, key: string): Promise<void>;
  prune(beforeMs: number): Promise<number>;
}
