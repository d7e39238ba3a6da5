import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import { silentLog } from '../log.ts';
import type { ImageManifest, ImageRef } from '../model/image-manifest.ts';
import { formatImageRef } from '../model/image-manifest.ts';
import { parseManifest, parseManifestHeader } from '../model/image-manifest-text.ts';
import { blobFolder, blobPath, manifestName, sealName, versionFolder } from './image-layout.ts';
import type { Seal } from './image-layout.ts';
import { ImageError } from './image-error.ts';

/** A version as the list shows it, without its entries. */
export interface PublishedVersion {
  readonly ref: ImageRef;
  /** sha256 of the manifest's text. */
  readonly contentId: string;
  readonly recipeSha256: string;
  readonly builtMs: number;
  readonly entryCount: number;
  readonly writablePaths: readonly string[];
  readonly bootFiles: ImageManifest['bootFiles'];
}

/** The versions that are published in an images folder, in memory; `refresh` and `watch` follow what other processes do. */
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
    mkdirSync(blobFolder(images), { recursive: true });
    const repository = new ImageRepository(images, log);
    repository.refresh();
    return await Promise.resolve(repository);
  }

  /** By name, then by version. */
  list(): readonly PublishedVersion[] {
    return [...this.#versions.values()].sort((a, b) => a.ref.image.localeCompare(b.ref.image, 'en') || a.ref.version - b.ref.version);
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
    const contentId = createHash('sha256').update(text).digest('hex');
    const known = this.version(ref);
    if (known !== undefined && known.contentId !== contentId)
      throw new ImageError('image-damaged', `the manifest of ${formatImageRef(ref)} was changed`);
    return { contentId, manifest: parseManifest(text) };
  }

  async seal(ref: ImageRef): Promise<Seal> {
    return JSON.parse(await this.#read(ref, sealName)) as Seal;
  }

  /** Where all contents lie: `ab/<sha256>`. */
  get blobDir(): string {
    return blobFolder(this.images);
  }

  blobFile(sha256: string): string {
    return blobPath(this.images, sha256);
  }

  /** Reads the folder again and returns what came and what went. */
  refresh(): { readonly published: readonly ImageRef[]; readonly withdrawn: readonly ImageRef[] } {
    const found = new Set<string>();
    const published: ImageRef[] = [];
    for (const image of this.#imageNames()) {
      for (const name of readdirSync(join(this.images, image))) {
        if (!/^[1-9]\d{0,8}$/.test(name)) continue;
        const ref = { image, version: Number(name) };
        const key = formatImageRef(ref);
        found.add(key);
        if (this.#versions.has(key)) continue;
        const version = this.#load(ref);
        if (version === undefined) continue;
        this.#versions.set(key, version);
        published.push(ref);
      }
    }
    const withdrawn = [...this.#versions.values()].filter(({ ref }) => !found.has(formatImageRef(ref))).map(({ ref }) => ref);
    for (const ref of withdrawn) this.#versions.delete(formatImageRef(ref));
    return { published, withdrawn };
  }

  /** Calls back for each version that appears or goes from now on, whichever process publishes or deletes it. */
  watch(onPublished: (ref: ImageRef) => void, onWithdrawn: (ref: ImageRef) => void = () => {}): { close(): void } {
    const watchers = new Map<string, FSWatcher>();
    let settled: NodeJS.Timeout | undefined;
    const look = (): void => {
      settled = undefined;
      this.#follow(watchers, onChange);
      const { published, withdrawn } = this.refresh();
      for (const ref of published) onPublished(ref);
      for (const ref of withdrawn) onWithdrawn(ref);
    };
    // A publish touches its folder several times within a moment.
    const onChange = (): void => void (settled ??= setTimeout(look, 20).unref());
    this.#follow(watchers, onChange);
    onChange();
    return {
      close() {
        clearTimeout(settled);
        for (const watcher of watchers.values()) watcher.close();
      },
    };
  }

  #follow(watchers: Map<string, FSWatcher>, onChange: () => void): void {
    for (const folder of [this.images, ...this.#imageNames().map((image) => join(this.images, image))]) {
      if (watchers.has(folder)) continue;
      const watcher = watch(folder, { persistent: false }, onChange);
      watcher.on('error', (error) => {
        this.#log.warn({ folder, err: error }, 'a folder of images can no longer be watched');
        watcher.close();
        watchers.delete(folder);
      });
      watchers.set(folder, watcher);
    }
  }

  #imageNames(): string[] {
    return readdirSync(this.images, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'blobs' && !entry.name.startsWith('.'))
      .map(({ name }) => name);
  }

  #load(ref: ImageRef): PublishedVersion | undefined {
    const file = join(versionFolder(this.images, ref), manifestName);
    try {
      const text = readFileSync(file, 'utf8');
      const header = parseManifestHeader(text.slice(0, text.indexOf('\n')));
      if (header.image !== ref.image || header.version !== ref.version)
        throw new ImageError('image-damaged', `it is the manifest of ${formatImageRef(header)}`);
      const { recipeSha256, builtMs, bootFiles, writablePaths, entries } = header;
      const contentId = createHash('sha256').update(text).digest('hex');
      return { ref, contentId, recipeSha256, builtMs, bootFiles, writablePaths, entryCount: entries };
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
