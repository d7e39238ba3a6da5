import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileImage } from '../../src/images/compile-image.ts';
import { compileInThread } from '../../src/images/compile-in-thread.ts';
import { ImageRepository } from '../../src/images/repository.ts';
import { compileImageIndex } from '../../src/model/compile-image-index.ts';
import { ImageIndex, rootInode } from '../../src/model/image-index.ts';
import { sealAt } from '../../src/model/image-seal.ts';
import { publish } from './published-image.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

const first = { image: 'dom0', version: 1 };

async function published(): Promise<string> {
  const images = scratchFolder();
  await publish(images, writeTree(scratchFolder(), { 'etc/hostname': 'post01', kernel: 'k' }));
  return images;
}

describe('a version compiled for servers', () => {
  it('has the facts, the index and the seals of what was published', async () => {
    const images = await published();
    const repository = await ImageRepository.open(images);
    const { version, index, seals } = compileImage(images, first);
    expect(version).toEqual(repository.version(first));
    expect(index).toEqual(compileImageIndex((await repository.manifest(first)).manifest));
    const reader = new ImageIndex(index);
    const kernel = reader.lookup(rootInode, Buffer.from('kernel'));
    const sealed = (await repository.seal(first))[reader.sha256(kernel)];
    expect(sealAt(new BigUint64Array(seals), reader.digestNumber(kernel))).toEqual({
      inode: BigInt(sealed?.inode ?? -1),
      mtimeNs: BigInt(sealed?.mtimeNs ?? -1),
    });
  });

  it('is the same from a thread, in memory that threads share', async () => {
    const images = await published();
    const compiled = await compileInThread(images, first);
    expect(compiled).toEqual(compileImage(images, first));
    expect(compiled.index).toBeInstanceOf(SharedArrayBuffer);
    expect(compiled.seals).toBeInstanceOf(SharedArrayBuffer);
  });

  it.each([
    ['is not there', (folder: string) => rmSync(folder, { recursive: true }), /dom0@1 cannot be read: ENOENT/],
    ['was moved here from another number', moveHere, /dom0@1 cannot be read: it is the manifest of dom0@2/],
    ['has a manifest that was cut short', cutShort, /dom0@1 cannot be read: manifest line \d+/],
    ['has a seal that lacks a content', emptySeal, /dom0@1 cannot be read: the seal lacks the blob/],
  ])('is refused by the thread where it %s', async (_name, damage, problem) => {
    const images = await published();
    await publish(images, writeTree(scratchFolder(), { kernel: 'another' }));
    damage(join(images, 'dom0/1'));
    const refusal = compileInThread(images, first);
    await expect(refusal).rejects.toMatchObject({ name: 'ImageError', code: 'image-damaged' });
    await expect(refusal).rejects.toThrow(problem);
  });
});

function moveHere(folder: string): void {
  rmSync(folder, { recursive: true });
  renameSync(join(folder, '../2'), folder);
}

function cutShort(folder: string): void {
  const file = join(folder, 'manifest.jsonl');
  chmodSync(file, 0o644);
  writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(0, 2).join('\n'));
}

function emptySeal(folder: string): void {
  chmodSync(join(folder, 'seal.json'), 0o644);
  writeFileSync(join(folder, 'seal.json'), '{}\n');
}
