import type { ImageShelf } from './boot/boot-facts.ts';
import { compileInThread } from './images/compile-in-thread.ts';
import { blobFolder, blobPath } from './images/image-layout.ts';
import type { PublishedVersion } from './images/published-version.ts';
import { byNameAndNumber, ensureImagesFolder, listVersions, watchVersions } from './images/version-folders.ts';
import type { Log } from './log.ts';
import { formatImageRef, type ImageRef } from './model/image-manifest.ts';
import type { Cidr } from './model/ipv4.ts';
import type { NfsService } from './nfs/nfs-service.ts';

export interface ServedImagesParts {
  /** The images folder of the state directory. */
  readonly images: string;
  readonly nfs: Pick<NfsService, 'publish' | 'withdraw'>;
  /** Who may read: the subnets that machines boot on. */
  readonly readers: readonly Cidr[];
  readonly log: Log;
}

/**
 * The versions that machines can boot: those of the images folder whose root every NFS thread serves. A version counts from
 * that moment on, so no machine is sent to a root that is not there yet. Each is read in a thread of its own: here it is
 * nothing but a few facts and memory that is passed on.
 */
export class ServedImages implements ImageShelf {
  readonly #parts: ServedImagesParts;
  readonly #versions = new Map<string, PublishedVersion>();
  /** Those that could not be served, so that each is reported once. */
  readonly #damaged = new Set<string>();
  #work: Promise<void> = Promise.resolve();
  #watch: { close(): void } | undefined;

  constructor(parts: ServedImagesParts) {
    this.#parts = parts;
  }

  /** Resolves when all that is published is served; follows the folder from then on, whichever process publishes or deletes. */
  async start(): Promise<void> {
    const { images, log } = this.#parts;
    ensureImagesFolder(images);
    this.#watch = watchVersions(images, log, () => this.#followSoon());
    this.#followSoon();
    await this.#work;
  }

  async close(): Promise<void> {
    this.#watch?.close();
    await this.#work;
  }

  /** By name, then by version. */
  list(): readonly PublishedVersion[] {
    return [...this.#versions.values()].sort((a, b) => byNameAndNumber(a.ref, b.ref));
  }

  newest(image: string): ImageRef | undefined {
    let newest: ImageRef | undefined;
    for (const { ref } of this.#versions.values()) {
      if (ref.image === image && ref.version > (newest?.version ?? 0)) newest = ref;
    }
    return newest;
  }

  version(ref: ImageRef): PublishedVersion | undefined {
    return this.#versions.get(formatImageRef(ref));
  }

  blobFile(sha256: string): string {
    return blobPath(this.#parts.images, sha256);
  }

  /** One after the other, so that each starts from what the one before it did. */
  #followSoon(): void {
    this.#work = this.#work
      .then(() => this.#follow())
      .catch((error: unknown) => this.#parts.log.error({ err: error }, 'the folder of images cannot be followed'));
  }

  async #follow(): Promise<void> {
    const present = new Map(listVersions(this.#parts.images).map((ref) => [formatImageRef(ref), ref]));
    for (const [name, { ref }] of this.#versions) if (!present.has(name)) await this.#withdraw(ref);
    for (const [name, ref] of present) if (!this.#versions.has(name)) await this.#serve(ref);
  }

  /** A version that cannot be served is said and keeps no other from being served. */
  async #serve(ref: ImageRef): Promise<void> {
    const { images, nfs, readers, log } = this.#parts;
    const name = formatImageRef(ref);
    try {
      const { version, index, seals } = await compileInThread(images, ref);
      await nfs.publish({ ref, contentId: version.contentId, index, blobDir: blobFolder(images), readers, seals });
      this.#versions.set(name, version);
    } catch (error) {
      const isDeleted = !listVersions(images).some((other) => formatImageRef(other) === name);
      if (isDeleted || this.#damaged.has(name)) return;
      this.#damaged.add(name);
      log.error({ image: name, err: error }, 'an image version cannot be served and is left out');
    }
  }

  /** Hidden from new boots first, then no longer exported. */
  async #withdraw(ref: ImageRef): Promise<void> {
    this.#versions.delete(formatImageRef(ref));
    await this.#parts.nfs.withdraw(ref);
  }
}
