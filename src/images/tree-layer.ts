import { lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandOptions, runCommand } from './command.ts';

/** Every path of a root with what changes when anybody touches it: inode, and when that was last changed (ctime). */
export type TreeState = ReadonlyMap<string, string>;

export const archiveName = 'layer.tar';
const removedName = 'removed.json';

/** What is in a root now, in the order of their names. A tenth of a second for an ordinary root. */
export function treeState(root: string): TreeState {
  const state = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const found = lstatSync(join(root, path), { bigint: true });
      state.set(path, `${found.mode & 0o170000n} ${found.ino} ${found.ctimeNs} ${found.mtimeNs} ${found.size}`);
      if (found.isDirectory()) visit(path);
    }
  };
  visit('');
  return state;
}

/**
 * Writes what has changed in a root since `before` to a folder: an archive of what is new or other, with all attributes, and
 * the list of what is gone.
 */
export async function writeLayer(folder: string, root: string, before: TreeState, options: CommandOptions): Promise<TreeState> {
  const after = treeState(root);
  const changed = withFolders([...after].filter(([path, state]) => before.get(path) !== state).map(([path]) => path));
  const removed = [...before].filter(([path, state]) => kindOf(after.get(path)) !== kindOf(state)).map(([path]) => path);
  const list = join(folder, 'changed');
  writeFileSync(list, changed.map((path) => `./${path}\0`).join(''));
  writeRemoved(folder, outermost(removed));
  const what = ['--no-recursion', '--null', `--files-from=${list}`];
  const how = ['--format=posix', '--numeric-owner', '--xattrs', '--xattrs-include=*'];
  await runCommand(['tar', '--create', '--file', join(folder, archiveName), '--directory', root, ...how, ...what], options);
  rmSync(list);
  return after;
}

export function writeRemoved(folder: string, paths: readonly string[]): void {
  writeFileSync(join(folder, removedName), JSON.stringify(paths));
}

/** Does to a root what was done to another one between `before` and `writeLayer`. */
export async function applyLayer(folder: string, root: string, options: CommandOptions): Promise<void> {
  const removed = JSON.parse(readFileSync(join(folder, removedName), 'utf8')) as readonly string[];
  for (const path of removed) rmSync(join(root, path), { recursive: true, force: true });
  const how = ['--numeric-owner', '--xattrs', '--xattrs-include=*'];
  await runCommand(['tar', '--extract', '--file', join(folder, archiveName), '--directory', root, ...how], options);
}

function kindOf(state: string | undefined): string | undefined {
  return state?.split(' ', 1)[0];
}

/** With the folders that they lie in, each before what it holds: their times would be those of the unpacking. */
function withFolders(paths: readonly string[]): readonly string[] {
  const all = new Set<string>();
  for (const path of paths) {
    for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) all.add(path.slice(0, end));
    all.add(path);
  }
  return [...all];
}

/** What is removed with a folder needs no word of its own. */
function outermost(paths: readonly string[]): readonly string[] {
  const all = new Set(paths);
  return paths.filter((path) => {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) if (all.has(path.slice(0, end))) return false;
    return true;
  });
}
