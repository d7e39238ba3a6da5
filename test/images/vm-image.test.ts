import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ImageRepository } from '../../src/images/repository.ts';
import { resolveVmImage } from '../../src/images/vm-image.ts';
import { publish } from './published-image.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

const kernelSha256 = '4fff0d3e643b3894c17a0738fbdc591953aa722c9d42774425090accc4377126';

async function published(): Promise<ImageRepository> {
  const folder = scratchFolder();
  const images = join(folder, 'images');
  const root = writeTree(join(folder, 'root'), { 'boot/vmlinuz': 'a kernel', 'boot/initrd.gz': 'a root', 'boot/xen.gz': 'xen' });
  await publish(images, root, 'worker', ['vmlinuz', 'initrd.gz', 'xen.gz']);
  await publish(images, root, 'worker', ['initrd.gz', 'vmlinuz']);
  await publish(images, root, 'disk', ['vmlinuz']);
  return ImageRepository.open(images);
}

describe('the image of a VM', () => {
  it.each([
    ['its newest version', 'worker', 'worker@2'],
    ['or the very one', 'worker@1', 'worker@1'],
  ])('%s, with what a host fetches and how it knows that it got it', async (_, name, ref) => {
    const image = resolveVmImage(await published(), name);
    expect(image).toMatchObject({ kind: 'found', ref });
    const files = image.kind === 'found' ? image.files : [];
    expect(files.map((file) => file.path).sort((a, b) => (a < b ? -1 : 1))).toEqual([`/images/${ref}/initrd.gz`, `/images/${ref}/vmlinuz`]);
    expect(files.find((file) => file.name === 'vmlinuz')).toEqual({
      name: 'vmlinuz',
      path: `/images/${ref}/vmlinuz`,
      sha256: kernelSha256,
      bytes: 8,
    });
  });

  it.each([
    ['Worker', /is no image: say NAME or NAME@VERSION/],
    ['worker@3', /image worker@3 is not published: the newest is worker@2/],
    ['gateway', /not published: virtdom image build gateway makes one/],
    ['disk', /image disk@1 starts no VM: it has no initrd\.gz/],
  ])('%s is missing, and the reason says what to do', async (name, reason) => {
    const image = resolveVmImage(await published(), name);
    expect(image.kind === 'missing' ? image.reason : image.ref).toMatch(reason);
  });
});
