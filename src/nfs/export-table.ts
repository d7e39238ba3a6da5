import { ImageIndex } from '../model/image-index.ts';
import { formatImageRef, type ImageRef } from '../model/image-manifest.ts';
import { sealAt } from '../model/image-seal.ts';
import { type Cidr, cidrContains } from '../model/ipv4.ts';
import { type Blob, BlobStore } from './blob-store.ts';
import { decodeHandle, ImageHandles, isGenuine } from './file-handle.ts';
import { nfsStatus } from './nfs3-types.ts';

/** An image to serve, and who may read it: nothing in it has to be copied for each worker. */
export interface SharedImage {
  readonly ref: ImageRef;
  /** The sha256 of the manifest's text, in hexadecimal. */
  readonly contentId: string;
  /** For an {@link ImageIndex}. */
  readonly index: SharedArrayBuffer;
  /** Holds `ab/<sha256>` for each content. */
  readonly blobDir: string;
  /** Unless {@link ExportTable.setReaders} said otherwise for all of them. */
  readonly readers: readonly Cidr[];
  /** The blobs' seals, for {@link sealAt}; without them only sizes are checked. */
  readonly seals?: SharedArrayBuffer;
}

export const exportsPath = '/images';

export function exportPath(ref: ImageRef): string {
  return `${exportsPath}/${formatImageRef(ref)}`;
}

/** An image that is served. */
export class ServedImage {
  readonly shared: SharedImage;
  readonly path: string;
  readonly index: ImageIndex;
  readonly handles: ImageHandles;
  /** Stable, and another for each image. */
  readonly fsid: readonly [number, number];
  /** The networks whose clients may read it. */
  readers: readonly Cidr[];
  readonly #seals: BigUint64Array | undefined;
  readonly #blobs: (Blob | undefined)[] = [];
  /** When a client last used a handle of it, in wall-clock milliseconds; 0 for never. */
  lastUseMs = 0;

  constructor(shared: SharedImage, key: Uint8Array) {
    this.shared = shared;
    this.readers = shared.readers;
    this.path = exportPath(shared.ref);
    this.index = new ImageIndex(shared.index);
    this.handles = new ImageHandles(key, shared.contentId, this.index.inodeCount);
    const id = Buffer.from(this.handles.contentId);
    this.fsid = [id.readUInt32BE(0) & 0x7fff_ffff, id.readUInt32BE(4)];
    this.#seals = shared.seals === undefined ? undefined : new BigUint64Array(shared.seals);
  }

  mayRead(address: number): boolean {
    for (const cidr of this.readers) if (cidrContains(cidr, address)) return true;
    return false;
  }

  /** The content of a regular file. */
  blob(inode: number): Blob {
    const number = this.index.digestNumber(inode);
    return (this.#blobs[number] ??= BlobStore.blob(
      this.shared.blobDir,
      this.index.sha256(inode),
      this.index.size(inode),
      this.#seals === undefined ? undefined : sealAt(this.#seals, number),
    ));
  }

  /** Those that were ever asked for. */
  *blobs(): Iterable<Blob> {
    for (const blob of this.#blobs) if (blob !== undefined) yield blob;
  }
}

export type Located =
  | { readonly status: typeof nfsStatus.ok; readonly image: ServedImage; readonly inode: number }
  | { readonly status: typeof nfsStatus.stale | typeof nfsStatus.badHandle | typeof nfsStatus.access };

const stale = { status: nfsStatus.stale } as const;
const badHandle = { status: nfsStatus.badHandle } as const;
const access = { status: nfsStatus.access } as const;

/** Which images are served, found by their path or by a handle. */
export class ExportTable {
  readonly #key: Uint8Array;
  readonly #byPath = new Map<string, ServedImage>();
  /** By the first 48 bits of the content id, as a number: finding one allocates nothing. */
  readonly #byContent = new Map<number, ServedImage>();
  #readers: readonly Cidr[] | undefined;

  /** `key` signs handles; servers that share it serve each other's. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Serves an image, in place of one of the same reference; returns that one. */
  publish(shared: SharedImage): ServedImage | undefined {
    const replaced = this.withdraw(shared.ref);
    const image = new ServedImage(shared, this.#key);
    if (this.#readers !== undefined) image.readers = this.#readers;
    this.#byPath.set(image.path, image);
    this.#byContent.set(contentNumber(image.handles.contentId), image);
    return replaced;
  }

  /** Who may read every image from the next call on, those that are published later included. */
  setReaders(readers: readonly Cidr[]): void {
    this.#readers = readers;
    for (const image of this.#byPath.values()) image.readers = readers;
  }

  /** From now on its handles are stale. */
  withdraw(ref: ImageRef): ServedImage | undefined {
    const image = this.#byPath.get(exportPath(ref));
    if (image === undefined) return undefined;
    this.#byPath.delete(image.path);
    this.#byContent.delete(contentNumber(image.handles.contentId));
    return image;
  }

  images(): Iterable<ServedImage> {
    return this.#byPath.values();
  }

  byPath(path: string): ServedImage | undefined {
    return this.#byPath.get(path);
  }

  /** What a handle names, and whether this client may see it: asked on every call, for a handle is no permission. */
  locate(handle: Uint8Array, address: number): Located {
    const fields = decodeHandle(handle);
    if (fields === undefined) return badHandle;
    const image = this.#byContent.get(contentNumber(fields.contentId));
    if (image === undefined || Buffer.compare(image.handles.contentId, fields.contentId) !== 0)
      return isGenuine(this.#key, fields) ? stale : badHandle;
    if (!image.handles.accepts(fields)) return badHandle;
    if (!image.mayRead(address)) return access;
    return { status: nfsStatus.ok, image, inode: fields.inode };
  }
}

function contentNumber(id: Uint8Array): number {
  return new DataView(id.buffer, id.byteOffset).getUint32(0) * 0x1_0000 + new DataView(id.buffer, id.byteOffset).getUint16(4);
}
