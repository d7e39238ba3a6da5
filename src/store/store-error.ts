/** What can go wrong with the store. `store-crashed` is the end of it: nothing more can be made durable. */
export type StoreErrorCode =
  | 'store-open'
  | 'store-newer'
  | 'store-read'
  | 'store-write'
  | 'store-crashed'
  | 'store-closed'
  | 'store-in-use'
  | 'store-not-empty'
  | 'backup-broken';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Node gives one error for all the addresses of a name that it tried, with an empty message. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
