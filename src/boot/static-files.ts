import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { BootFile } from '../model/boot-file.ts';
import { formatImageRef, parseImageName } from '../model/image-manifest.ts';
import type { ImageShelf } from './boot-facts.ts';

type StaticFile = Extract<BootFile, { kind: 'static' }>;

/**
 * A boot file of a published image: `/images/dom0@3/vmlinuz`.
 * @param path in its normal form
 * @returns `undefined` where the path is not below `/images`
 */
export function imageFile(path: string, images: ImageShelf): Exclude<BootFile, { kind: 'rendered' }> | undefined {
  const [, folder, refText = '', name, ...rest] = path.split('/');
  if (folder !== 'images') return undefined;
  const wanted = parseImageName(refText);
  // No path that a client sees says "latest": every file of one boot is of one version.
  if (wanted?.version === undefined || name === undefined || rest.length > 0)
    return { kind: 'missing', reason: 'boot files of images are at /images/NAME@VERSION/FILE' };
  const ref = { image: wanted.image, version: wanted.version };
  const version = images.version(ref);
  if (version === undefined) return { kind: 'missing', reason: `image ${formatImageRef(ref)} is not published` };
  const file = version.bootFiles.find((candidate) => candidate.name === name);
  if (file === undefined) {
    const names = version.bootFiles.map((candidate) => candidate.name).join(', ');
    return { kind: 'missing', reason: `image ${formatImageRef(ref)} has no ${name}; it has ${names === '' ? 'no boot files' : names}` };
  }
  return { kind: 'static', file: images.blobFile(file.sha256), size: file.size, modifiedMs: version.builtMs, etag: `"${file.sha256}"` };
}

/** Loaders and their modules, the same for everybody, from one folder and nowhere outside it. */
export class LoaderFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param path in its normal form, so without `..` */
  async find(path: string): Promise<StaticFile | undefined> {
    try {
      const root = await realpath(this.#folder);
      // Links are followed, but not out of the folder.
      const file = await realpath(join(root, path));
      if (!file.startsWith(root + sep)) return undefined;
      const found = await stat(file);
      if (!found.isFile()) return undefined;
      const modifiedMs = Math.floor(found.mtimeMs);
      return {
        kind: 'static',
        file,
        size: found.size,
        modifiedMs,
        etag: `"${found.ino.toString(36)}-${found.size.toString(36)}-${modifiedMs.toString(36)}"`,
      };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG') return undefined;
      throw error;
    }
  }
}
