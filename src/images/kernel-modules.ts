import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { globExpression } from './glob.ts';
import { ImageError } from './image-error.ts';

/** The newest kernel that the root has modules of, or `undefined`. */
export function kernelVersion(root: string): string | undefined {
  return foldersOf(join(root, 'usr/lib/modules'))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
}

/**
 * Removes the modules that no pattern names and that none of the named ones needs. Patterns are matched under `kernel/`
 * with the compression taken off: `fs/nfs/nfs.ko`. Returns how many stay. Throws ImageError for a pattern that fits nothing.
 */
export function pruneKernelModules(
  root: string,
  version: string,
  patterns: readonly string[],
): { readonly kept: number; readonly removed: number } {
  const folder = join(root, 'usr/lib/modules', version);
  const needs = parseModulesDep(readFileSync(join(folder, 'modules.dep'), 'utf8'));
  const wanted = patterns.map((pattern) => ({ pattern, expression: globExpression(pattern), hits: 0 }));
  const keep = new Set<string>();
  for (const [path, dependencies] of needs) {
    const name = path.replace(/^kernel\//, '').replace(/\.ko\.(xz|zst|gz)$/, '.ko');
    for (const candidate of wanted) {
      if (!candidate.expression.test(name)) continue;
      candidate.hits++;
      for (const needed of [path, ...dependencies]) keep.add(needed);
    }
  }
  const idle = wanted.filter(({ hits }) => hits === 0).map(({ pattern }) => pattern);
  if (idle.length > 0) throw new ImageError('recipe-invalid', `kernelModules: no module of ${version} is called ${idle.join(', ')}`);
  const all = [...needs.keys()];
  for (const path of all) if (!keep.has(path)) rmSync(join(folder, path), { force: true });
  removeEmptyFolders(join(folder, 'kernel'));
  return { kept: keep.size, removed: all.length - keep.size };
}

/** modules.dep(5): `path: path path`, all that a module needs, indirect ones included. */
function parseModulesDep(text: string): Map<string, string[]> {
  const needs = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [path, dependencies] = line.split(':');
    if (path !== undefined && dependencies !== undefined) needs.set(path, dependencies.split(' ').filter(Boolean));
  }
  return needs;
}

function removeEmptyFolders(folder: string): void {
  for (const name of foldersOf(folder)) removeEmptyFolders(join(folder, name));
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

function foldersOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => lstatSync(join(folder, name)).isDirectory());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
