import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findMirror } from './apt-sources.ts';
import { bootstrap, bootstrapInputs } from './bootstrap.ts';
import type { CommandOptions } from './command.ts';
import { mebibytes, type Progress } from './progress.ts';
import type { Recipe } from './recipe.ts';
import { type KeptStage, StageCache } from './stage-cache.ts';
import { stagesOf } from './stages.ts';
import { applyLayer, type TreeState, treeState, writeLayer } from './tree-layer.ts';

/** Which stages are made anew although they are kept: `packages` all, `steps` all but the packages. */
export type Anew = 'packages' | 'steps' | 'none';

export interface StagedBuild {
  readonly recipe: Recipe;
  readonly cache: string;
  readonly anew: Anew;
}

/** What would be taken from the cache and what would be made, one line a stage. */
export function explainStages({ recipe, cache: folder, anew }: StagedBuild): readonly string[] {
  const cache = new StageCache(folder);
  const key = StageCache.key('', bootstrapInputs(recipe));
  let kept = anew === 'packages' ? undefined : cache.find(key);
  const title = packagesTitle(recipe);
  const lines = [kept === undefined ? `make  ${title}, from ${mirrorInWords()}` : `kept  ${title} (${mebibytes(kept.bytes)})`];
  for (const stage of stagesOf(recipe)) {
    const before: KeptStage | undefined = kept;
    kept = before === undefined || anew !== 'none' ? undefined : cache.find(StageCache.key(before.id, stage.inputs));
    lines.push(kept === undefined ? `make  ${stage.title}` : `kept  ${stage.title} (${mebibytes(kept.bytes)})`);
  }
  return lines;
}

/**
 * Makes a finished root in an empty folder: each stage from the cache where it was made before from the same, else anew, and
 * then kept.
 * @param work a folder beside the cache, for half stages
 */
export async function buildRoot(
  { recipe, cache: folder, anew }: StagedBuild,
  root: string,
  work: string,
  progress: Progress,
  options: CommandOptions,
): Promise<void> {
  const cache = new StageCache(folder);
  const half = join(work, 'stage');
  const unpack = (stage: KeptStage): Promise<void> => {
    cache.touch(stage);
    return applyLayer(stage.folder, root, options);
  };

  const key = StageCache.key('', bootstrapInputs(recipe));
  const title = packagesTitle(recipe);
  let kept = anew === 'packages' ? undefined : cache.find(key);
  if (kept === undefined) {
    const mirror = findMirror();
    mkdirSync(half);
    await progress.stage(title, (onLine) => bootstrap(half, recipe, mirror, { ...options, onLine }));
    kept = cache.keep(key, half, title);
  } else progress.note(`${title}: from the cache (${mebibytes(kept.bytes)})`);
  const packages = kept;
  await progress.stage('unpack them', () => unpack(packages));

  let state: TreeState | undefined;
  for (const stage of stagesOf(recipe)) {
    options.signal?.throwIfAborted();
    const stageKey = StageCache.key(kept.id, stage.inputs);
    const found = anew === 'none' ? cache.find(stageKey) : undefined;
    if (found !== undefined) {
      progress.note(`${stage.title}: from the cache (${mebibytes(found.bytes)})`);
      await unpack(found);
      state = undefined;
      kept = found;
      continue;
    }
    state ??= treeState(root);
    await progress.stage(stage.title, async (onLine) => stage.run(root, { progress, options: { ...options, onLine } }));
    mkdirSync(half);
    state = await writeLayer(half, root, state, options);
    kept = cache.keep(stageKey, half, stage.title);
  }
  rmSync(half, { recursive: true, force: true });
}

function mirrorInWords(): string {
  const { main, security } = findMirror();
  return security === undefined ? main : `${main} and ${security}`;
}

function packagesTitle({ suite, packages, variant }: Recipe): string {
  return `${packages.length} packages of ${suite}${variant === 'extract' ? ', only their files' : ''}`;
}
