import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';

/** What a path has beyond what NFS version 3 can carry: file capabilities, ACLs, other extended attributes. */
export interface LostAttributes {
  readonly path: string;
  readonly names: readonly string[];
}

const bufferBytes = 4096;

/** Lists what a machine that mounts the image will not see (llistxattr(2)). */
export function findLostAttributes(root: string): LostAttributes[] {
  const listNames = koffi.load('libc.so.6').func('int64_t llistxattr(const char *path, _Out_ uint8_t *list, size_t size)') as (
    path: string,
    list: Uint8Array,
    size: number,
  ) => number;
  const buffer = Buffer.alloc(bufferBytes);
  const found: LostAttributes[] = [];
  const visit = (path: string): void => {
    const length = listNames(join(root, path), buffer, bufferBytes);
    if (length > 0) found.push({ path: path || '/', names: buffer.toString('utf8', 0, length).split('\0').filter(Boolean) });
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory()) visit(inner);
      else {
        const bytes = listNames(join(root, inner), buffer, bufferBytes);
        if (bytes > 0) found.push({ path: inner, names: buffer.toString('utf8', 0, bytes).split('\0').filter(Boolean) });
      }
    }
  };
  visit('');
  return found;
}
