/** Who asks for a file. The address is all that TFTP and HTTP know of a client. */
export interface BootFileRequest {
  readonly protocol: 'tftp' | 'http';
  readonly clientAddress: string;
  /** Our own address that the request came to. */
  readonly serverAddress: string;
  /** As the client sent it: with or without a leading slash, with any `..` still in it. */
  readonly path: string;
}

/** One path of the boot tree as one client sees it. The same for TFTP, HTTP, a preview and a dry run. */
export type BootFile =
  /** Made for this client from a template. */
  | { readonly kind: 'rendered'; readonly bytes: Uint8Array; readonly etag: string; readonly contentType: string }
  /** A file on disk, the same for everybody; immutable while it is served. */
  | { readonly kind: 'static'; readonly file: string; readonly size: number; readonly modifiedMs: number; readonly etag: string }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };
