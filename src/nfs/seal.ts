import { type ImageIndex, inodeKinds } from '../model/image-index.ts';

/** By sha256: inode and modification time in nanoseconds of each blob's file, as decimal numbers. */
export type ImageSeal =
  | ReadonlyMap<string, { readonly inode: number | string; readonly mtimeNs: string }>
  | Readonly<Record<string, { readonly inode: number | string; readonly mtimeNs: string }>>;

/**
 * Lays a seal out for all threads: two 64-bit numbers for each file of the index.
 * @throws RangeError where a file has no seal: its blob could be replaced unseen.
 */
export function shareSeal(index: ImageIndex, seal: ImageSeal): SharedArrayBuffer {
  const byDigest = seal instanceof Map ? seal : new Map(Object.entries(seal));
  const numbers: bigint[] = [];
  for (let inode = 1; inode <= index.inodeCount; inode++) {
    if (index.kind(inode) !== inodeKinds.file) continue;
    const sha256 = index.sha256(inode);
    const found = byDigest.get(sha256);
    if (found === undefined) throw new RangeError(`the seal lacks the blob ${sha256}`);
    numbers.push(BigInt(found.inode), BigInt(found.mtimeNs));
  }
  const shared = new SharedArrayBuffer(numbers.length * 8);
  new BigUint64Array(shared).set(numbers);
  return shared;
}
