import { lstatSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import type { ImageRef } from '../model/image-manifest.ts';
import type { ImageRepository } from './repository.ts';
import { hashFile } from './scan-tree.ts';

/** Reads every content of a version again. Returns what is wrong, one sentence each; nothing means that it is whole. */
export async function verifyImage(
  repository: ImageRepository,
  ref: ImageRef,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<string[]> {
  const { manifest } = await repository.manifest(ref);
  const seal = await repository.seal(ref);
  const sizes = new Map<string, { readonly size: number; readonly path: string }>();
  for (const { name, size, sha256 } of manifest.bootFiles) sizes.set(sha256, { size, path: name });
  for (const entry of manifest.entries) if (entry.kind === 'file') sizes.set(entry.sha256, { size: entry.size, path: entry.path });

  const problems: string[] = [];
  let done = 0;
  for (const [sha256, { size, path }] of sizes) {
    const problem = blobProblem(repository.blobFile(sha256), sha256, size, seal[sha256]);
    if (problem !== undefined) problems.push(`${path}: ${problem} (${repository.blobFile(sha256)})`);
    if (++done % 200 === 0) {
      onProgress(done, sizes.size);
      await breathe();
    }
  }
  return problems;
}

function blobProblem(
  file: string,
  sha256: string,
  size: number,
  sealed: { readonly inode: number; readonly mtimeNs: string } | undefined,
): string | undefined {
  const found = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return 'its content is missing';
  if (!found.isFile()) return 'its content is no file';
  if (found.size !== BigInt(size)) return `its content has ${found.size} bytes in place of ${size}`;
  if ((found.mode & 0o222n) !== 0n) return 'its content may be written to';
  if (hashFile(file).sha256 !== sha256) return 'its content was changed';
  if (sealed === undefined) return 'it is missing in the seal';
  if (Number(found.ino) !== sealed.inode || String(found.mtimeNs) !== sealed.mtimeNs)
    return 'its content is right, but was written again: publish anew';
  return undefined;
}
