import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRef } from '../model/image-manifest.ts';
import { formatImageRef } from '../model/image-manifest.ts';
import { blobFolder, blobPath, versionFolder } from './image-layout.ts';
import { ImageError } from './image-error.ts';
import { withImagesLock } from './images-lock.ts';
import type { ImageRepository } from './repository.ts';

/**
 * Removes a version and the contents that no other version has. `usedBy` says who still runs on it, as far as is known.
 * Throws ImageError for the newest version, which machines boot, and for one in use. Returns the bytes' number of files freed.
 */
export function deleteImage(
  repository: ImageRepository,
  ref: ImageRef,
  usedBy: readonly string[] = [],
): Promise<{ readonly contentsRemoved: number }> {
  return withImagesLock(repository.images, async () => {
    repository.refresh();
    const name = formatImageRef(ref);
    if (repository.version(ref) === undefined) throw new ImageError('image-unknown', `there is no image ${name}`);
    if (repository.newest(ref.image)?.version === ref.version) {
      throw new ImageError('image-in-use', `${name} is the newest version, which machines boot: publish another one first`);
    }
    if (usedBy.length > 0)
      throw new ImageError('image-in-use', `${name} is in use by ${usedBy.join(', ')}: reboot them into another version first`);
    const needed = new Set<string>();
    for (const other of repository.list()) {
      if (formatImageRef(other.ref) === name) continue;
      for (const sha256 of Object.keys(await repository.seal(other.ref))) needed.add(sha256);
    }
    // Hidden in one step: from here on nobody finds it, whatever happens to this process.
    const hidden = join(repository.images, ref.image, `.deleted-${ref.version}`);
    renameSync(versionFolder(repository.images, ref), hidden);
    const contentsRemoved = removeUnneeded(repository.images, needed);
    rmSync(hidden, { recursive: true });
    repository.refresh();
    return { contentsRemoved };
  });
}

function removeUnneeded(images: string, needed: ReadonlySet<string>): number {
  let removed = 0;
  for (const shelf of readdirSync(blobFolder(images))) {
    for (const sha256 of readdirSync(join(blobFolder(images), shelf))) {
      if (needed.has(sha256)) continue;
      rmSync(blobPath(images, sha256));
      removed++;
    }
  }
  return removed;
}
