/** What is known of an inode besides its kind. */
export interface InodeFacts {
  /** Permission bits with set-uid, set-gid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds and nanoseconds since 1970. */
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
}

/** One path of an image, in the manifest's order (a folder before what it holds, names by bytes). */
export type ManifestEntry = InodeFacts & { readonly path: string } & (
    | { readonly kind: 'folder' }
    | { readonly kind: 'file'; readonly size: number; readonly sha256: string }
    /** Another name of a file that stands earlier in the manifest. */
    | { readonly kind: 'link'; readonly to: string }
    | { readonly kind: 'symlink'; readonly target: string }
    | { readonly kind: 'fifo' }
    | { readonly kind: 'socket' }
    | { readonly kind: 'character' | 'block'; readonly major: number; readonly minor: number }
  );

/** The list that makes an image version what it is. The sha256 of its text is the version's content id. */
export interface ImageManifest {
  readonly image: string;
  readonly version: number;
  /** Boot files beside the root, for TFTP and HTTP: `vmlinuz`, `initrd.gz`, `xen.gz`. */
  readonly bootFiles: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
  /** Paths that live in /flash. */
  readonly writablePaths: readonly string[];
  readonly recipeSha256: string;
  readonly builtMs: number;
  /** Path `/` first. */
  readonly entries: readonly ManifestEntry[];
}

/** `dom0@3`. */
export interface ImageRef {
  readonly image: string;
  readonly version: number;
}

export function formatImageRef(ref: ImageRef): string {
  return `${ref.image}@${ref.version}`;
}

/** `dom0` or `dom0@3`; `undefined` for anything else. */
export function parseImageName(text: string): { readonly image: string; readonly version?: number } | undefined {
  const [, image, version] = /^([a-z0-9][a-z0-9._-]*)(?:@([1-9]\d{0,8}))?$/.exec(text) ?? [];
  if (image === undefined) return undefined;
  return version === undefined ? { image } : { image, version: Number(version) };
}
