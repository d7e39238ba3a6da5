import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import { silentLog } from '../log.ts';
import type { ImageManifest, ImageRef } from '../model/image-manifest.ts';
import { formatImageRef } from '../model/image-manifest.ts';
import { parseManifest } from '../model/image-manifest-text.ts';
import type { ImageSeal } from '../model/image-seal.ts';
import { blobPath, manifestName, sealName, versionFolder } from './image-layout.ts';
import { ImageError } from './image-error.ts';
import { contentIdOf, describeVersion, type PublishedVersion } from './published-version.ts';
import { byNameAndNumber, ensureImagesFolder, listVersions } from './version-folders.ts';

/**
 * The versions that are published in an images folder, for commands: `open` and `refresh` read each manifest that is new on
 * the spot. A service, which has no time for that, lists the folders and compiles in a thread.
 */
export class ImageRepository {
  readonly images: string;
  readonly #log: Log;
  readonly #versions = new Map<string, PublishedVersion>();
  /** Folders that could not be read, so that each is reported once. */
  readonly #damaged = new Set<string>();

  private constructor(images: string, log: Log) {
    this.images = images;
    this.#log = log;
  }

  /** Reads what is there; makes the folder where it is missing. A damaged version is logged and left out. */
  static async open(images: string, log: Log = silentLog): Promise<ImageRepository> {
    ensureImagesFolder(images);
    const repository = new ImageRepository(images, log);
    repository.refresh();
    return await Promise.resolve(repository);
  }

  /** By name, then by version. */
  list(): readonly PublishedVersion[] {
    return [...this.#versions.values()].sort((a, b) => byNameAndNumber(a.ref, b.ref));
  }

  newest(image: string): ImageRef | undefined {
    return this.list().findLast(({ ref }) => ref.image === image)?.ref;
  }

  version(ref: ImageRef): PublishedVersion | undefined {
    return this.#versions.get(formatImageRef(ref));
  }

  /** Throws ImageError where there is no such version, or where its manifest is not the one that was published. */
  async manifest(ref: ImageRef): Promise<{ readonly contentId: string; readonly manifest: ImageManifest }> {
    const text = await this.#read(ref, manifestName);
    const contentId = contentIdOf(text);
    const known = this.version(ref);
    if (known !== undefined && known.contentId !== contentId)
      throw new ImageError('image-damaged', `the manifest of ${formatImageRef(ref)} was changed`);
    return { contentId, manifest: parseManifest(text) };
  }

  async seal(ref: ImageRef): Promise<ImageSeal> {
    return JSON.parse(await this.#read(ref, sealName)) as ImageSeal;
  }

  blobFile(sha256: string): string {
    return blobPath(this.images, sha256);
  }

  /** Reads the folder again. */
  refresh(): void {
    const found = new Map(listVersions(this.images).map((ref) => [formatImageRef(ref), ref]));
    for (const key of this.#versions.keys()) if (!found.has(key)) this.#versions.delete(key);
    for (const [key, ref] of found) {
      const version = this.#versions.get(key) ?? this.#load(ref);
      if (version !== undefined) this.#versions.set(key, version);
    }
  }

  #load(ref: ImageRef): PublishedVersion | undefined {
    const file = join(versionFolder(this.images, ref), manifestName);
    try {
      return describeVersion(ref, readFileSync(file, 'utf8'));
    } catch (error) {
      if (!this.#damaged.has(file)) this.#log.error({ file, err: error }, 'an image version cannot be read and is left out');
      this.#damaged.add(file);
      return undefined;
    }
  }

  async #read(ref: ImageRef, name: string): Promise<string> {
    const file = join(versionFolder(this.images, ref), name);
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new ImageError('image-unknown', `there is no image ${formatImageRef(ref)} in ${this.images}`, { cause: error });
    }
  }
}
