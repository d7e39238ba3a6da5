/** What can go wrong with the store. `store-crashed` is the end of it: nothing more can be made durable. */
export type StoreErrorCode = 'store-open' | 'store-newer' | 'store-read' | 'store-write' | 'store-crashed' | 'store-closed';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
