import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DebianMirror } from './apt-sources.ts';
import { sourceLines } from './apt-sources.ts';
import { runIsolated } from './command.ts';
import type { CommandOptions } from './command.ts';
import type { Recipe } from './recipe.ts';
import { archiveName, writeRemoved } from './tree-layer.ts';

/** What decides the packages' stage, which recipes that differ elsewhere share. Their versions are those of the day. */
export function bootstrapInputs({ suite, variant, components, packages }: Recipe): unknown {
  return ['packages', suite, variant, [...components].sort(), [...new Set(packages)].sort()];
}

/** Fetches the recipe's packages from the mirror, as the layer of an empty root: the slow stage. */
export async function bootstrap(layer: string, recipe: Recipe, mirror: DebianMirror, options: CommandOptions): Promise<void> {
  const temporary = join(layer, 'tmp');
  mkdirSync(temporary);
  const unwanted = ['doc', 'info', 'man', 'locale'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  await runIsolated(
    [
      'mmdebstrap',
      '--mode=root',
      `--variant=${recipe.variant}`,
      '--aptopt=Acquire::Languages "none"',
      ...unwanted,
      `--include=${recipe.packages.join(',')}`,
      recipe.suite,
      join(layer, archiveName),
      ...sourceLines(mirror, recipe.suite, recipe.components),
    ],
    { ...options, env: { TMPDIR: temporary } },
  );
  rmSync(temporary, { recursive: true, force: true });
  writeRemoved(layer, []);
}
