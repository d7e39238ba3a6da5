import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileImageIndex } from '../model/compile-image-index.ts';
import { ImageIndex } from '../model/image-index.ts';
import type { ImageRef } from '../model/image-manifest.ts';
import { parseManifest } from '../model/image-manifest-text.ts';
import { type ImageSeal, shareSeal } from '../model/image-seal.ts';
import { manifestName, sealName, versionFolder } from './image-layout.ts';
import { describeVersion, type PublishedVersion } from './published-version.ts';

/** A version as a server needs it: what is large lies in memory that threads share. */
export interface CompiledImage {
  readonly version: PublishedVersion;
  /** For an ImageIndex. */
  readonly index: SharedArrayBuffer;
  /** Of all its files, for `sealAt`. */
  readonly seals: SharedArrayBuffer;
}

/**
 * Reads a version whole. This takes a tenth of a second for an ordinary root: `compileInThread` does it beside the caller.
 * @throws where a file of the version is missing or is not what was published.
 */
export function compileImage(images: string, ref: ImageRef): CompiledImage {
  const folder = versionFolder(images, ref);
  const text = readFileSync(join(folder, manifestName), 'utf8');
  const version = describeVersion(ref, text);
  const index = compileImageIndex(parseManifest(text));
  const seal = JSON.parse(readFileSync(join(folder, sealName), 'utf8')) as ImageSeal;
  return { version, index, seals: shareSeal(new ImageIndex(index), seal) };
}
