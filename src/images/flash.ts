import { chmodSync, chownSync, lstatSync, mkdirSync, readlinkSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { ImageError } from './image-error.ts';
import { pathInRoot } from './root-tree.ts';

/**
 * Moves each writable path to /flash/<path> and leaves a relative link in its place: relative, so that it leads to the
 * same file in a chroot and on the running machine, where /flash is a tmpfs filled from the image's own /flash.
 * A path that does not exist becomes an empty folder (under /var or /root) or an empty file. Running it again changes nothing.
 */
export function convertToFlash(root: string, writablePaths: readonly string[]): void {
  ensureFolder(root, '/flash', undefined);
  for (const path of writablePaths) {
    const parent = pathInRoot(root, posix.join(posix.dirname(path), '.', '_')).slice(0, -2);
    const realPath = `/${posix.relative(root, join(parent, posix.basename(path)))}`;
    if (realPath !== path) throw new ImageError('unusable-tree', `${path} lies behind a link: name ${realPath} in writable`);
    const from = join(root, path);
    const to = join(root, 'flash', path);
    const target = posix.relative(posix.dirname(path), `/flash${path}`);
    const existing = lstatSync(from, { throwIfNoEntry: false });
    if (existing?.isSymbolicLink() && readlinkSync(from) === target) continue;
    ensureFolder(root, posix.dirname(path), undefined);
    ensureFolder(root, posix.dirname(`/flash${path}`), posix.dirname(path));
    if (existing?.isSymbolicLink())
      throw new ImageError('unusable-tree', `${path} is a link to ${readlinkSync(from)}: make it a file or folder in a step`);
    if (existing !== undefined) renameSync(from, to);
    else if (path.startsWith('/etc/')) writeFileSync(to, '', { mode: 0o644 });
    else mkdirSync(to, { mode: 0o755 });
    symlinkSync(target, from);
  }
}

/** Makes a folder and those above it, each with owner and mode of its model in the root where there is one. */
function ensureFolder(root: string, path: string, model: string | undefined): void {
  const folder = join(root, path);
  if (path === '/' || lstatSync(folder, { throwIfNoEntry: false }) !== undefined) return;
  ensureFolder(root, dirname(path), model === undefined ? undefined : dirname(model));
  mkdirSync(folder);
  const like = model === undefined || path === '/flash' ? undefined : lstatSync(join(root, model), { throwIfNoEntry: false });
  chmodSync(folder, like?.isDirectory() ? like.mode & 0o7777 : 0o755);
  if (like?.isDirectory()) {
    chownSync(folder, like.uid, like.gid);
    utimesSync(folder, like.atime, like.mtime);
  }
}
