import { join } from 'node:path';
import type { ImageRef } from '../../src/model/image-manifest.ts';
import { publishTree } from '../../src/images/publish.ts';

/** Publishes a folder as the next version, without anything that a test does not ask for. */
export function publish(images: string, root: string, image = 'dom0', bootFiles: readonly string[] = []): Promise<ImageRef> {
  return publishTree({
    images,
    image,
    root,
    bootFiles: Object.fromEntries(bootFiles.map((name) => [name, join(root, 'boot', name)])),
    writablePaths: ['/var/log'],
    recipeSha256: '0'.repeat(64),
    builtMs: 1,
  });
}
