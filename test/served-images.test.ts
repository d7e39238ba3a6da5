import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { deleteImage } from '../src/images/delete-image.ts';
import { ImageRepository } from '../src/images/repository.ts';
import { CapturedLog } from '../src/log.ts';
import { ImageIndex, rootInode } from '../src/model/image-index.ts';
import { formatImageRef, type ImageRef } from '../src/model/image-manifest.ts';
import type { SharedImage } from '../src/nfs/export-table.ts';
import { ServedImages } from '../src/served-images.ts';
import { publish } from './images/published-image.ts';
import { scratchFolder, writeTree } from './images/scratch-folder.ts';

const first = { image: 'dom0', version: 1 };
const second = { image: 'dom0', version: 2 };

/** Notes what it is told, in order; `hold` makes the next publish wait. */
class NotedNfs {
  readonly told: string[] = [];
  readonly images: SharedImage[] = [];
  hold: Promise<void> | undefined;

  async publish(image: SharedImage): Promise<void> {
    this.told.push(`+${formatImageRef(image.ref)}`);
    this.images.push(image);
    await this.hold;
  }

  async withdraw(ref: ImageRef): Promise<void> {
    this.told.push(`-${formatImageRef(ref)}`);
    await Promise.resolve();
  }
}

describe('the images that are served', () => {
  let images: string;
  let nfs: NotedNfs;
  let log: CapturedLog;
  let served: ServedImages;

  beforeEach(() => {
    images = scratchFolder();
    nfs = new NotedNfs();
    log = new CapturedLog();
    served = new ServedImages({ images, nfs, readers: [], log });
    onTestFinished(() => served.close());
  });

  const publishRoot = (text: string, image = 'dom0') => publish(images, writeTree(scratchFolder(), { file: text }), image);

  it('are all that is published as soon as it has started, with what NFS needs of each', async () => {
    for (const text of ['one', 'two']) await publishRoot(text);
    await publishRoot('three', 'gateway');
    await served.start();
    expect(nfs.told).toEqual(['+dom0@1', '+dom0@2', '+gateway@1']);
    expect(served.newest('dom0')).toEqual(second);
    const [image] = nfs.images;
    const published = (await ImageRepository.open(images)).version(first);
    expect(served.version(first)).toEqual(published);
    expect(image).toMatchObject({ ref: first, contentId: published?.contentId, blobDir: join(images, 'blobs') });
    expect(new ImageIndex(image?.index ?? new SharedArrayBuffer()).lookup(rootInode, Buffer.from('file'))).toBe(2);
    expect(log.lines).toEqual([]);
  });

  it('make a folder for images where there is none, and follow it', async () => {
    images = join(images, 'new');
    served = new ServedImages({ images, nfs, readers: [], log });
    await served.start();
    await publishRoot('one');
    await expect.poll(() => served.newest('dom0')).toEqual(first);
  });

  it('count from when every NFS thread serves them, not before', async () => {
    await served.start();
    const held = Promise.withResolvers<void>();
    nfs.hold = held.promise;
    await publishRoot('one');
    await expect.poll(() => nfs.told).toEqual(['+dom0@1']);
    expect(served.newest('dom0')).toBeUndefined();
    held.resolve();
    await expect.poll(() => served.newest('dom0')).toEqual(first);
  });

  it('follow what another process publishes or deletes: each is told once, images that are new too', async () => {
    await served.start();
    const root = writeTree(scratchFolder(), { a: 'a' });
    for (const ref of [first, second]) {
      const other = spawn(process.execPath, [join(import.meta.dirname, 'images/publish-and-die.ts'), images, root, 'never']);
      expect(await once(other, 'exit')).toEqual([0, null]);
      await expect.poll(() => served.newest('dom0')).toEqual(ref);
    }
    // Past the last events of the publish, so that the deletion is seen by itself.
    await sleep(200);
    await deleteImage(await ImageRepository.open(images), first);
    await expect.poll(() => nfs.told).toEqual(['+dom0@1', '+dom0@2', '-dom0@1']);
    expect(served.version(first)).toBeUndefined();
  });

  it('leave out a version that is damaged, say so once, and serve the others', async () => {
    await publishRoot('one');
    await publishRoot('two');
    chmodSync(join(images, 'dom0/1/manifest.jsonl'), 0o644);
    writeFileSync(join(images, 'dom0/1/manifest.jsonl'), '{"virtdomManifest":1}\n');
    await served.start();
    await publishRoot('three');
    await expect.poll(() => served.newest('dom0')).toEqual({ image: 'dom0', version: 3 });
    expect(nfs.told).toEqual(['+dom0@2', '+dom0@3']);
    expect(log.lines).toMatchObject([
      { level: 'error', fields: { image: 'dom0@1' }, message: 'an image version cannot be served and is left out' },
    ]);
  });

  it('say nothing of a version that was deleted before its turn came', async () => {
    await publishRoot('one');
    await publishRoot('two');
    const held = Promise.withResolvers<void>();
    nfs.hold = held.promise;
    await publishRoot('other', 'a-first');
    const starting = served.start();
    await expect.poll(() => nfs.told).toEqual(['+a-first@1']);
    await deleteImage(await ImageRepository.open(images), first);
    held.resolve();
    await starting;
    expect(nfs.told).toEqual(['+a-first@1', '+dom0@2']);
    expect(log.lines).toEqual([]);
  });
});
