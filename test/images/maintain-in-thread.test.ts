import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deleteInThread, verifyInThread } from '../../src/images/maintain-in-thread.ts';
import { ImageRepository } from '../../src/images/repository.ts';
import { publish } from './published-image.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

const first = { image: 'dom0', version: 1 };

async function publishedTwice(): Promise<string> {
  const folder = scratchFolder();
  const images = join(folder, 'images');
  await publish(images, writeTree(join(folder, 'one'), { own: 'one', both: 'both' }));
  await publish(images, writeTree(join(folder, 'two'), { own: 'two', both: 'both' }));
  return images;
}

async function contentOf(images: string, path: string): Promise<string> {
  const repository = await ImageRepository.open(images);
  const { manifest } = await repository.manifest(first);
  const entry = manifest.entries.find((each) => each.path === path);
  if (entry?.kind !== 'file') throw new Error(`no file ${path}`);
  return repository.blobFile(entry.sha256);
}

describe('looking after images beside the control thread', () => {
  it('says what is wrong with a version', async () => {
    const images = await publishedTwice();
    const { signal } = new AbortController();
    expect(await verifyInThread(images, first, () => {}, signal)).toEqual([]);
    rmSync(await contentOf(images, '/own'));
    expect(await verifyInThread(images, first, () => {}, signal)).toEqual([expect.stringMatching(/is missing/)]);
  });

  it('ends when it is told to, with the reason it was told', async () => {
    const images = await publishedTwice();
    const control = new AbortController();
    const verified = verifyInThread(images, first, () => {}, control.signal);
    control.abort(new Error('somebody cancelled it'));
    await expect(verified).rejects.toThrow('somebody cancelled it');
    await expect(verifyInThread(images, first, () => {}, control.signal)).rejects.toThrow('somebody cancelled it');
  });

  it('deletes a version, but not one that somebody runs on, nor the newest', async () => {
    const images = await publishedTwice();
    await expect(deleteInThread(images, first, ['post01'])).rejects.toMatchObject({ code: 'image-in-use' });
    await expect(deleteInThread(images, { image: 'dom0', version: 2 }, [])).rejects.toMatchObject({ code: 'image-in-use' });
    expect(await deleteInThread(images, first, [])).toEqual({ contentsRemoved: 1 });
    expect((await ImageRepository.open(images)).list().map(({ ref }) => ref.version)).toEqual([2]);
  });
});
