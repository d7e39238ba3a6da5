import { createHash } from 'node:crypto';
import type { ImageManifest } from '../model/image-manifest.ts';

/**
 * One number for a part of an image: the sha256 over the lines `<sha256>  <path>` of all its files, in the order of the
 * paths' bytes. A machine computes the same from what it reads over the network (kernel argument `virtdom.check=usr`).
 */
export function treeDigest(manifest: ImageManifest, folder: string): { readonly files: number; readonly sha256: string } {
  const contents = new Map<string, string>();
  for (const entry of manifest.entries) {
    const content = entry.kind === 'file' ? entry.sha256 : entry.kind === 'link' ? contents.get(entry.to) : undefined;
    if (content !== undefined) contents.set(entry.path, content);
  }
  const below = folder === '/' ? '/' : `${folder}/`;
  const paths = [...contents.keys()].filter((path) => path.startsWith(below)).map((path) => Buffer.from(path));
  paths.sort((a, b) => Buffer.compare(a, b));
  const hash = createHash('sha256');
  for (const path of paths) hash.update(`${contents.get(path.toString())}  ${path.toString()}\n`);
  return { files: paths.length, sha256: hash.digest('hex') };
}
