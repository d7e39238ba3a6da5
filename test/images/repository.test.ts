import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deleteImage } from '../../src/images/delete-image.ts';
import { ImageRepository } from '../../src/images/repository.ts';
import { verifyImage } from '../../src/images/verify.ts';
import { CapturedLog } from '../../src/log.ts';
import { formatImageRef } from '../../src/model/image-manifest.ts';
import type { ImageRef } from '../../src/model/image-manifest.ts';
import { publish } from './published-image.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

const first = { image: 'dom0', version: 1 };

async function publishedTwice(): Promise<ImageRepository> {
  const images = scratchFolder();
  await publish(images, writeTree(scratchFolder(), { shared: 's', own: 'one' }));
  await publish(images, writeTree(scratchFolder(), { shared: 's', own: 'two' }));
  return ImageRepository.open(images);
}

const contentOf = async (repository: ImageRepository, ref: ImageRef, path: string): Promise<string> => {
  const entry = (await repository.manifest(ref)).manifest.entries.find((candidate) => candidate.path === path);
  if (entry?.kind !== 'file') throw new Error(`${path} is no file of the image`);
  return repository.blobFile(entry.sha256);
};

const contents = (images: string): number =>
  readdirSync(join(images, 'blobs'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;

describe('the repository', () => {
  it('lists versions in order and knows the newest by number, not by text', async () => {
    const images = scratchFolder();
    const root = scratchFolder();
    for (let count = 0; count < 10; count++) await publish(images, root);
    await publish(images, root, 'gateway');
    const repository = await ImageRepository.open(images);
    expect(
      repository
        .list()
        .map(({ ref }) => formatImageRef(ref))
        .slice(8),
    ).toEqual(['dom0@9', 'dom0@10', 'gateway@1']);
    expect(repository.newest('dom0')).toEqual({ image: 'dom0', version: 10 });
    expect(repository.newest('nothing')).toBeUndefined();
  });

  it('says which image is missing', async () => {
    await expect((await ImageRepository.open(scratchFolder())).manifest(first)).rejects.toThrow(/there is no image dom0@1/);
  });

  it('leaves out a version that cannot be read, says so once, and serves the others', async () => {
    const { images } = await publishedTwice();
    chmodSync(join(images, 'dom0/1/manifest.jsonl'), 0o644);
    writeFileSync(join(images, 'dom0/1/manifest.jsonl'), '{"virtdomManifest":1}\n');
    const log = new CapturedLog();
    const repository = await ImageRepository.open(images, log);
    repository.refresh();
    expect(repository.list().map(({ ref }) => ref.version)).toEqual([2]);
    expect(log.lines).toMatchObject([{ level: 'error', message: 'an image version cannot be read and is left out' }]);
  });

  it('takes no manifest that was moved to another number', async () => {
    const { images } = await publishedTwice();
    renameSync(join(images, 'dom0/2'), join(images, 'dom0/5'));
    expect((await ImageRepository.open(images)).list().map(({ ref }) => ref.version)).toEqual([1]);
  });

  it('notices a manifest that was changed after it was listed', async () => {
    const repository = await publishedTwice();
    rmSync(join(repository.images, 'dom0/1/manifest.jsonl'));
    copyFileSync(join(repository.images, 'dom0/2/manifest.jsonl'), join(repository.images, 'dom0/1/manifest.jsonl'));
    await expect(repository.manifest(first)).rejects.toThrow('the manifest of dom0@1 was changed');
  });
});

describe('verify', () => {
  it('finds nothing wrong with what was just published', async () => {
    const repository = await publishedTwice();
    expect(await verifyImage(repository, first)).toEqual([]);
  });

  it.each([
    ['a changed content', (file: string) => writeFileSync(file, 'ONE'), /content was changed/],
    ['a longer content', (file: string) => writeFileSync(file, 'one more'), /8 bytes in place of 3/],
    ['a missing content', (file: string) => rmSync(file), /is missing/],
    ['a content that may be written to', (_file: string) => {}, /may be written to/],
  ])('finds %s', async (_name, damage, problem) => {
    const repository = await publishedTwice();
    const file = await contentOf(repository, first, '/own');
    chmodSync(file, 0o644);
    damage(file);
    if (!problem.test('may be written to')) chmodIfThere(file);
    expect(await verifyImage(repository, first)).toEqual([expect.stringMatching(problem)]);
    expect(await verifyImage(repository, { image: 'dom0', version: 2 })).toEqual([]);
  });

  it.each([
    ['in another file', (file: string) => execFileSync('sh', ['-c', 'cp -p "$1" "$1.new" && mv "$1.new" "$1"', 'sh', file])],
    ['with another time', (file: string) => utimesSync(file, 1, 1)],
  ])('finds a content that is right but %s than the one published', async (_name, change) => {
    const repository = await publishedTwice();
    change(await contentOf(repository, first, '/own'));
    expect(await verifyImage(repository, first)).toEqual([expect.stringMatching(/written again/)]);
  });
});

function chmodIfThere(file: string): void {
  try {
    chmodSync(file, 0o444);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

describe('deleting', () => {
  it('removes a version and the contents that no other one has', async () => {
    const repository = await publishedTwice();
    expect(contents(repository.images)).toBe(3);
    expect(await deleteImage(repository, first)).toEqual({ contentsRemoved: 1 });
    expect(contents(repository.images)).toBe(2);
    expect(repository.list().map(({ ref }) => ref.version)).toEqual([2]);
    expect(await verifyImage(repository, { image: 'dom0', version: 2 })).toEqual([]);
  });

  it('refuses the newest version, one in use and one that is not there', async () => {
    const repository = await publishedTwice();
    await expect(deleteImage(repository, { image: 'dom0', version: 2 })).rejects.toMatchObject({ code: 'image-in-use' });
    await expect(deleteImage(repository, first, ['post01'])).rejects.toThrow(/in use by post01/);
    await expect(deleteImage(repository, { image: 'dom0', version: 9 })).rejects.toMatchObject({ code: 'image-unknown' });
    expect(repository.list()).toHaveLength(2);
  });

  it('keeps the contents of a version whose manifest cannot be read', async () => {
    const { images } = await publishedTwice();
    await publish(images, writeTree(scratchFolder(), { own: 'three' }));
    chmodSync(join(images, 'dom0/2/manifest.jsonl'), 0o644);
    writeFileSync(join(images, 'dom0/2/manifest.jsonl'), '?');
    await deleteImage(await ImageRepository.open(images), first);
    expect(contents(images)).toBe(3);
  });
});
