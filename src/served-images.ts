import type { ImageShelf } from './boot/boot-facts.ts';
import type { ImageRepository, PublishedVersion } from './images/repository.ts';
import type { Log } from './log.ts';
import { formatImageRef, type ImageRef } from './model/image-manifest.ts';
import type { Cidr } from './model/ipv4.ts';
import type { NfsService } from './nfs/nfs-service.ts';

export interface ServedImagesParts {
  readonly repository: ImageRepository;
  readonly nfs: NfsService;
  /** Who may read: the subnets that machines boot on. */
  readonly readers: readonly Cidr[];
  readonly log: Log;
}

/**
 * The versions that machines can boot: those of the repository whose root every NFS thread serves. A version counts from
 * that moment on, so no machine is sent to a root that is not there yet.
 */
export class ServedImages implements ImageShelf {
  readonly #parts: ServedImagesParts;
  readonly #versions = new Map<string, PublishedVersion>();
  #work: Promise<void> = Promise.resolve();
  #watch: { close(): void } | undefined;

  constructor(parts: ServedImagesParts) {
    this.#parts = parts;
  }

  /** Resolves when all that is published is served; follows the repository from then on. */
  async start(): Promise<void> {
    for (const { ref } of this.#parts.repository.list()) this.#enqueue(ref, () => this.#serve(ref));
    await this.#work;
    this.#watch = this.#parts.repository.watch(
      (ref) => this.#enqueue(ref, () => this.#serve(ref)),
      (ref) => this.#enqueue(ref, () => this.#withdraw(ref)),
    );
  }

  async close(): Promise<void> {
    this.#watch?.close();
    await this.#work;
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
    return this.#parts.repository.blobFile(sha256);
  }

  /** One after the other: a version that cannot be served is said and keeps no other from being served. */
  #enqueue(ref: ImageRef, job: () => Promise<void>): void {
    this.#work = this.#work.then(job).catch((error: unknown) => {
      this.#parts.log.error({ image: formatImageRef(ref), err: error }, 'an image version cannot be served');
    });
  }

  async #serve(ref: ImageRef): Promise<void> {
    const { repository, nfs, readers } = this.#parts;
    const version = repository.version(ref);
    if (version === undefined || this.#versions.has(formatImageRef(ref))) return;
    const [{ contentId, manifest }, seal] = await Promise.all([repository.manifest(ref), repository.seal(ref)]);
    await nfs.publish({ ref, contentId, manifest, blobDir: repository.blobDir, readers, seal });
    this.#versions.set(formatImageRef(ref), version);
  }

  /** Hidden from new boots first, then no longer exported. */
  async #withdraw(ref: ImageRef): Promise<void> {
    this.#versions.delete(formatImageRef(ref));
    await this.#parts.nfs.withdraw(ref);
  }
}
