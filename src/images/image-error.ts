/** What can go wrong with images, told to a person: what failed, on which object, what to do next. */
export type ImageErrorCode =
  | 'recipe-invalid'
  | 'not-root'
  | 'package-missing'
  | 'command-failed'
  | 'no-mirror'
  | 'unusable-tree'
  | 'secret-found'
  | 'manifest-invalid'
  | 'image-unknown'
  | 'image-in-use'
  | 'image-damaged';

export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: ImageErrorCode;

  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
