import { formatImageRef, type ImageRef, parseImageName } from '../model/image-manifest.ts';
import type { PublishedVersion } from './published-version.ts';

/** What a host fetches to start a VM: the boot files of one version, below the boot HTTP server. */
export type ResolvedVmImage =
  | {
      readonly kind: 'found';
      readonly ref: string;
      readonly files: readonly { readonly name: string; readonly path: string; readonly sha256: string; readonly bytes: number }[];
    }
  | { readonly kind: 'missing'; readonly reason: string };

/** The versions that are served now: of `ServedImages`, or of an `ImageRepository`. */
export interface VersionShelf {
  list(): readonly PublishedVersion[];
  newest(image: string): ImageRef | undefined;
  version(ref: ImageRef): PublishedVersion | undefined;
}

const needed = ['vmlinuz', 'initrd.gz'];

/**
 * What `worker` (its newest version now) or `worker@3` is. From memory, at once.
 * @returns a reason where it is not published, or where no VM could start from it
 */
export function resolveVmImage(shelf: VersionShelf, image: string): ResolvedVmImage {
  const name = parseImageName(image);
  if (name === undefined) return { kind: 'missing', reason: `${JSON.stringify(image)} is no image: say NAME or NAME@VERSION` };
  const ref = name.version === undefined ? shelf.newest(name.image) : { image: name.image, version: name.version };
  const version = ref === undefined ? undefined : shelf.version(ref);
  if (ref === undefined || version === undefined) {
    const newest = shelf.list().findLast((each) => each.ref.image === name.image);
    const next = newest === undefined ? `virtdom image build ${name.image} makes one` : `the newest is ${formatImageRef(newest.ref)}`;
    return { kind: 'missing', reason: `image ${image} is not published: ${next}` };
  }
  const absent = needed.filter((wanted) => !version.bootFiles.some((file) => file.name === wanted));
  const text = formatImageRef(ref);
  if (absent.length > 0) return { kind: 'missing', reason: `image ${text} starts no VM: it has no ${absent.join(' and no ')}` };
  return {
    kind: 'found',
    ref: text,
    files: version.bootFiles
      .filter((file) => needed.includes(file.name))
      .map((file) => ({ name: file.name, path: `/images/${text}/${file.name}`, sha256: file.sha256, bytes: file.size })),
  };
}
