import { lstatSync, readFileSync, readlinkSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ImageError } from './image-error.ts';

interface OverlayFile {
  /** From the root of the image: `/etc/issue`. */
  readonly path: string;
  readonly kind: 'folder' | 'file' | 'symlink';
  /** 0755 for folders and executables, else 0644: a checkout keeps no more than that. */
  readonly mode: number;
  /** The link's target where it is one. */
  readonly content: Buffer;
}

/** All that an overlay holds, folders first, in a fixed order. */
export function overlayFiles(overlay: string): OverlayFile[] {
  const files: OverlayFile[] = [];
  const visit = (path: string): void => {
    for (const name of readdirSync(join(overlay, path)).sort()) {
      const inner = `${path}/${name}`;
      const from = join(overlay, inner);
      const found = lstatSync(from);
      if (found.isSymbolicLink()) files.push({ path: inner, kind: 'symlink', mode: 0o777, content: Buffer.from(readlinkSync(from)) });
      else if (found.isDirectory()) {
        files.push({ path: inner, kind: 'folder', mode: 0o755, content: Buffer.alloc(0) });
        visit(inner);
      } else if (found.isFile())
        files.push({ path: inner, kind: 'file', mode: found.mode & 0o100 ? 0o755 : 0o644, content: readFileSync(from) });
      else throw new ImageError('unusable-tree', `${from} is neither file, folder nor link: an overlay holds nothing else`);
    }
  };
  try {
    visit('');
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError('unusable-tree', `the overlay ${overlay} cannot be read`, { cause: error });
  }
  return files;
}
