import { type FSWatcher, mkdirSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import type { ImageRef } from '../model/image-manifest.ts';
import { blobFolder } from './image-layout.ts';

/** A publish touches its folder several times within a moment. */
const settleMs = 20;

/** The versions in an images folder, by name, then by number. Their folders' names say it: none is read, so this takes no time. */
export function listVersions(images: string): ImageRef[] {
  const refs: ImageRef[] = [];
  for (const image of imageNames(images)) {
    for (const name of readdirSync(join(images, image))) if (/^[1-9]\d{0,8}$/.test(name)) refs.push({ image, version: Number(name) });
  }
  return refs.sort(byNameAndNumber);
}

export function byNameAndNumber(a: ImageRef, b: ImageRef): number {
  return a.image.localeCompare(b.image, 'en') || a.version - b.version;
}

/** Calls back when versions may have come or gone, whichever process publishes or deletes them. The folder must be there. */
export function watchVersions(images: string, log: Log, onChange: () => void): { close(): void } {
  const watchers = new Map<string, FSWatcher>();
  let settled: NodeJS.Timeout | undefined;
  const follow = (): void => {
    for (const folder of [images, ...imageNames(images).map((image) => join(images, image))]) {
      if (watchers.has(folder)) continue;
      const watcher = watch(folder, { persistent: false }, touched);
      watcher.on('error', (error) => {
        log.warn({ folder, err: error }, 'a folder of images can no longer be watched');
        watcher.close();
        watchers.delete(folder);
      });
      watchers.set(folder, watcher);
    }
  };
  const look = (): void => {
    settled = undefined;
    follow();
    onChange();
  };
  const touched = (): void => void (settled ??= setTimeout(look, settleMs).unref());
  follow();
  return {
    close() {
      clearTimeout(settled);
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}

/** Makes an images folder where there is none. */
export function ensureImagesFolder(images: string): void {
  mkdirSync(blobFolder(images), { recursive: true });
}

function imageNames(images: string): string[] {
  return readdirSync(images, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'blobs' && !entry.name.startsWith('.'))
    .map(({ name }) => name);
}
