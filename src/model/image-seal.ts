import { type ImageIndex, inodeKinds } from './image-index.ts';

/**
 * What each content's file was when it was published, by sha256: so a server notices when it was replaced or written to.
 * Times are nanoseconds since 1970 as decimal text: they are above 2^53.
 */
export type ImageSeal = Readonly<Record<string, { readonly inode: number; readonly mtimeNs: string }>>;

/**
 * Lays a seal out for all threads: two 64-bit numbers for each file of the index, in the order of their digests.
 * @throws RangeError where a file has no seal: its content could be replaced unseen.
 */
export function shareSeal(index: ImageIndex, seal: ImageSeal): SharedArrayBuffer {
  const numbers: bigint[] = [];
  for (let inode = 1; inode <= index.inodeCount; inode++) {
    if (index.kind(inode) !== inodeKinds.file) continue;
    const sha256 = index.sha256(inode);
    const found = seal[sha256];
    if (found === undefined) throw new RangeError(`the seal lacks the blob ${sha256}`);
    numbers.push(BigInt(found.inode), BigInt(found.mtimeNs));
  }
  const shared = new SharedArrayBuffer(numbers.length * 8);
  new BigUint64Array(shared).set(numbers);
  return shared;
}

/** What {@link shareSeal} wrote for the file with this digest number. */
export function sealAt(seals: BigUint64Array, digestNumber: number): { readonly inode: bigint; readonly mtimeNs: bigint } | undefined {
  const inode = seals[digestNumber * 2];
  const mtimeNs = seals[digestNumber * 2 + 1];
  return inode === undefined || mtimeNs === undefined ? undefined : { inode, mtimeNs };
}
