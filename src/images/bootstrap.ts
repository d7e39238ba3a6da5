import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DebianMirror } from './apt-sources.ts';
import { sourceLines } from './apt-sources.ts';
import { runIsolated } from './command.ts';
import type { CommandOptions } from './command.ts';
import { bootstrapSha256 } from './recipe-hash.ts';
import type { Recipe } from './recipe.ts';

/** The archive of a recipe's packages, unpacked from the mirror: the slow stage, shared by all recipes with the same packages. */
export function bootstrapArchive(cache: string, recipe: Recipe): string {
  return join(cache, `bootstrap-${recipe.suite}-${bootstrapSha256(recipe).slice(0, 16)}.tar`);
}

/** Makes the archive unless it is there. It gets its name when it is whole. */
export async function bootstrap(
  cache: string,
  recipe: Recipe,
  mirror: DebianMirror,
  work: string,
  options: CommandOptions,
): Promise<{ readonly archive: string; readonly cached: boolean }> {
  const archive = bootstrapArchive(cache, recipe);
  if (existsSync(archive)) return { archive, cached: true };
  const partial = join(work, 'bootstrap.tar');
  const temporary = join(work, 'bootstrap');
  mkdirSync(temporary);
  const unwanted = ['doc', 'info', 'man', 'locale'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  await runIsolated(
    [
      'mmdebstrap',
      '--mode=root',
      '--variant=minbase',
      '--aptopt=Acquire::Languages "none"',
      ...unwanted,
      `--include=${recipe.packages.join(',')}`,
      recipe.suite,
      partial,
      ...sourceLines(mirror, recipe.suite, recipe.components),
    ],
    { ...options, env: { TMPDIR: temporary } },
  );
  const written = openSync(partial, 'r');
  fsyncSync(written);
  closeSync(written);
  renameSync(partial, archive);
  rmSync(temporary, { recursive: true, force: true });
  return { archive, cached: false };
}

export function unpack(archive: string, root: string, options: CommandOptions): Promise<void> {
  mkdirSync(root);
  return runIsolated(
    ['tar', '--extract', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--file', archive, '--directory', root],
    options,
  );
}
