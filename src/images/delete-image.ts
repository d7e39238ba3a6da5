import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRef } from '../model/image-manifest.ts';
import { formatImageRef } from '../model/image-manifest.ts';
import type { ImageSeal } from '../model/image-seal.ts';
import { blobFolder, blobPath, sealName, versionFolder } from './image-layout.ts';
import { ImageError } from './image-error.ts';
import { withImagesLock } from './images-lock.ts';
import type { ImageRepository } from './repository.ts';

/**
 * Removes a version and the contents that no other version has. `usedBy` says who still runs on it, as far as is known.
 * Throws ImageError for the newest version, which machines boot, and for one in use. Returns how many contents went.
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
    const needed = contentsOfOthers(repository.images, ref);
    // Hidden in one step: from here on nobody finds it, whatever happens to this process.
    const hidden = join(repository.images, ref.image, `.deleted-${ref.version}`);
    renameSync(versionFolder(repository.images, ref), hidden);
    const contentsRemoved = removeUnneeded(repository.images, needed);
    rmSync(hidden, { recursive: true });
    repository.refresh();
    return { contentsRemoved };
  });
}

/** From the seals on disk, not from the repository's list: a version that cannot be read may be repaired and needs its contents. */
function contentsOfOthers(images: string, ref: ImageRef): Set<string> {
  const needed = new Set<string>();
  const names = readdirSync(images).filter((name) => name !== 'blobs' && !name.startsWith('.'));
  for (const image of names) {
    for (const version of readdirSync(join(images, image)).filter((name) => /^[1-9]\d*$/.test(name))) {
      if (image === ref.image && Number(version) === ref.version) continue;
      const file = join(images, image, version, sealName);
      try {
        for (const sha256 of Object.keys(JSON.parse(readFileSync(file, 'utf8')) as ImageSeal)) needed.add(sha256);
      } catch (error) {
        throw new ImageError(
          'image-damaged',
          `${file} cannot be read, so nobody knows which contents ${image}@${version} needs: remove that folder first`,
          {
            cause: error,
          },
        );
      }
    }
  }
  return needed;
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
