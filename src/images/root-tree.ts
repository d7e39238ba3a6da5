import { chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { globExpression } from './glob.ts';
import { ImageError } from './image-error.ts';
import { overlayFiles } from './overlay.ts';

/**
 * Where a path of the root really lies, with the links among its folders followed inside the root: /bin/x is /usr/bin/x,
 * and a link to /etc leads to the root's /etc, never to this machine's. The last name is not followed.
 */
export function pathInRoot(root: string, path: string, hops = 0): string {
  if (hops > 40) throw new ImageError('unusable-tree', `${path}: too many links`);
  const names = posix.normalize(path).split('/').filter(Boolean);
  let real = '';
  for (const [index, name] of names.entries()) {
    const here = `${real}/${name}`;
    const target = index < names.length - 1 ? linkTarget(join(root, here)) : undefined;
    if (target === undefined) real = here;
    else return pathInRoot(root, posix.join(posix.resolve(real || '/', target), ...names.slice(index + 1)), hops + 1);
  }
  return join(root, real);
}

function linkTarget(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isSymbolicLink() ? readlinkSync(path) : undefined;
}

/** Lays an overlay over the root: files replace files, owner root, folders keep the mode they have there. */
export function applyOverlay(root: string, overlay: string): number {
  const files = overlayFiles(overlay);
  for (const { path, kind, mode, content } of files) {
    const target = pathInRoot(root, path);
    const existing = lstatSync(target, { throwIfNoEntry: false });
    if (kind === 'folder') {
      if (existing?.isDirectory() || existing?.isSymbolicLink()) continue;
      if (existing !== undefined) throw new ImageError('unusable-tree', `${overlay}${path} is a folder, but a file in the root`);
      mkdirSync(target);
    } else {
      if (existing?.isDirectory()) throw new ImageError('unusable-tree', `${overlay}${path} is a folder in the root`);
      if (existing !== undefined) rmSync(target);
      if (kind === 'symlink') symlinkSync(content.toString(), target);
      else writeFileSync(target, content);
    }
    if (kind !== 'symlink') chmodSync(target, mode);
    if (process.getuid?.() === 0) lchownSync(target, 0, 0);
  }
  return files.length;
}

/** Removes every path that a pattern names, folders with all they hold. */
export function removePaths(root: string, patterns: readonly string[]): number {
  const expressions = patterns.map(globExpression);
  return removeMatching(root, '', (path) => expressions.some((expression) => expression.test(path)));
}

function removeMatching(root: string, path: string, matches: (path: string) => boolean): number {
  let removed = 0;
  for (const name of readdirSync(join(root, path))) {
    const inner = `${path}/${name}`;
    if (matches(inner)) {
      rmSync(join(root, inner), { recursive: true });
      removed++;
    } else if (lstatSync(join(root, inner)).isDirectory()) removed += removeMatching(root, inner, matches);
  }
  return removed;
}

/** Enables units through the links that their [Install] section would get for WantedBy, masks others. */
export function maskUnits(root: string, units: readonly string[]): void {
  const folder = pathInRoot(root, '/etc/systemd/system');
  mkdirSync(folder, { recursive: true });
  for (const unit of units) {
    rmSync(join(folder, unit), { force: true });
    symlinkSync('/dev/null', join(folder, unit));
  }
}

/** The one path of the root that fits the pattern; throws ImageError where none or several do. */
export function onePath(root: string, pattern: string): string {
  const expression = globExpression(pattern);
  const folder = dirname(pattern);
  if (folder.includes('*')) throw new ImageError('recipe-invalid', `${pattern}: only the last name may hold *`);
  const found = readdirSync(pathInRoot(root, `${folder}/.`)).filter((name) => expression.test(posix.join(folder, name)));
  const [name] = found;
  if (name === undefined || found.length > 1) {
    throw new ImageError('unusable-tree', `${pattern} must be one path of the root; found: ${found.join(', ') || 'none'}`);
  }
  return pathInRoot(root, posix.join(folder, name));
}
