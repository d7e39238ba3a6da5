import { join } from 'node:path';
import type { ImageRef } from '../model/image-manifest.ts';

/** Where things lie in the images folder. Names that begin with a dot are unfinished and are never read. */
export const blobFolder = (images: string): string => join(images, 'blobs');
export const blobPath = (images: string, sha256: string): string => join(images, 'blobs', sha256.slice(0, 2), sha256);
export const versionFolder = (images: string, ref: ImageRef): string => join(images, ref.image, String(ref.version));
export const manifestName = 'manifest.jsonl';
export const sealName = 'seal.json';
