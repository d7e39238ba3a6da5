import { createHash } from 'node:crypto';
import { formatImageRef, type ImageManifest, type ImageRef } from '../model/image-manifest.ts';
import { parseManifestHeader } from '../model/image-manifest-text.ts';
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

/**
 * What the manifest in a version's folder says of it. Its entries are not looked at.
 * @throws ManifestTextError, or ImageError where it is another version's.
 */
export function describeVersion(ref: ImageRef, manifestText: string): PublishedVersion {
  const header = parseManifestHeader(manifestText.slice(0, manifestText.indexOf('\n')));
  if (header.image !== ref.image || header.version !== ref.version)
    throw new ImageError('image-damaged', `it is the manifest of ${formatImageRef(header)}`);
  const { recipeSha256, builtMs, bootFiles, writablePaths, entries } = header;
  return { ref, contentId: contentIdOf(manifestText), recipeSha256, builtMs, bootFiles, writablePaths, entryCount: entries };
}

/** What machines hold on to: their file handles carry it. */
export function contentIdOf(manifestText: string): string {
  return createHash('sha256').update(manifestText).digest('hex');
}
