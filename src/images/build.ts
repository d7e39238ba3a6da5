import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRef } from '../model/image-manifest.ts';
import { ImageError } from './image-error.ts';
import { findLostAttributes } from './lost-attributes.ts';
import { mebibytes, type Progress } from './progress.ts';
import { publishTree } from './publish.ts';
import { recipeSha256 } from './recipe-hash.ts';
import type { Recipe } from './recipe.ts';
import type { ImageRepository } from './repository.ts';
import { onePath } from './root-tree.ts';
import { findSecrets } from './secrets.ts';
import { defaultCacheBytes, StageCache } from './stage-cache.ts';
import { type Anew, buildRoot, explainStages } from './staged-build.ts';

export interface BuildRequest {
  readonly recipe: Recipe;
  readonly repository: ImageRepository;
  /** Where stages are kept and worked on: `cache/` of the state directory. */
  readonly cache: string;
  readonly programVersion: string;
  /** Builds although there is a version of the same recipe: all stages but the packages anew. */
  readonly force: boolean;
  /** Fetches the packages again, for their security updates, and makes all that follows anew. */
  readonly refresh: boolean;
  /** What kept stages may take. */
  readonly cacheBytes?: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

export type BuildResult = { readonly kind: 'present' | 'built'; readonly ref: ImageRef };

/** What a build would do, in words, one line a stage; for `--dry-run`. */
export function explainBuild(request: Omit<BuildRequest, 'progress' | 'signal'>): string[] {
  const { recipe, repository, cache } = request;
  const sha256 = recipeSha256(recipe, request.programVersion);
  const present = findPresent(repository, recipe, sha256);
  if (present !== undefined && !request.force && !request.refresh)
    return [`${present.image}@${present.version} was built from this recipe (${sha256.slice(0, 12)}): nothing to do`];
  return [
    `recipe ${sha256.slice(0, 12)}`,
    ...explainStages({ recipe, cache, anew: anewOf(request) }),
    `publish as ${recipe.image}@${(repository.newest(recipe.image)?.version ?? 0) + 1}`,
  ];
}

function anewOf({ refresh, force }: Pick<BuildRequest, 'refresh' | 'force'>): Anew {
  return refresh ? 'packages' : force ? 'steps' : 'none';
}

/** Makes an image version from a recipe, or names the one that was made from the same recipe. Needs root. */
export async function buildImage(request: BuildRequest): Promise<BuildResult> {
  const { recipe, repository, cache, progress, signal } = request;
  const sha256 = recipeSha256(recipe, request.programVersion);
  const present = findPresent(repository, recipe, sha256);
  if (present !== undefined && !request.force && !request.refresh) return { kind: 'present', ref: present };
  if (process.getuid?.() !== 0)
    throw new ImageError('not-root', 'building an image needs root (files of many owners, chroot): sudo virtdom image build');
  mkdirSync(cache, { recursive: true });
  removeDeadWork(cache);
  const work = join(cache, `work-${process.pid}`);
  mkdirSync(work, { mode: 0o700 });
  try {
    const options = { logFile: join(cache, `build-${recipe.image}.log`), ...(signal && { signal }) };
    writeFileSync(options.logFile, '');
    const root = join(work, 'root');
    mkdirSync(root);
    await buildRoot({ recipe, cache, anew: anewOf(request) }, root, work, progress, options);
    signal?.throwIfAborted();
    await progress.stage('check for secrets and for attributes that get lost', async () => {
      await Promise.resolve(checkRoot(root, progress));
    });
    const bootFiles = Object.fromEntries(Object.entries(recipe.bootFiles).map(([name, pattern]) => [name, onePath(root, pattern)]));
    const ref = await progress.stage('publish', (onProgress) =>
      publishTree({
        images: repository.images,
        image: recipe.image,
        root,
        bootFiles,
        writablePaths: recipe.writable,
        recipeSha256: sha256,
        builtMs: Date.now(),
        onProgress,
        ...(signal && { signal }),
      }),
    );
    repository.refresh();
    const { removed, bytes } = new StageCache(cache).shrink(request.cacheBytes ?? defaultCacheBytes, Date.now());
    if (removed > 0) progress.note(`${removed} kept stages that were not used for longest are removed (${mebibytes(bytes)})`);
    return { kind: 'built', ref };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function checkRoot(root: string, progress: Progress): void {
  const secrets = findSecrets(root);
  if (secrets.length > 0) {
    const list = secrets.map(({ path, what }) => `  ${path}: ${what}`).join('\n');
    throw new ImageError(
      'secret-found',
      `every machine of the network may read an image, so it must not hold\n${list}\nremove it in a step, or make it at each boot under /flash`,
    );
  }
  for (const { path, names } of findLostAttributes(root))
    progress.note(`machines will not see ${names.join(', ')} of ${path}: NFS version 3 carries no such attributes, an initramfs neither`);
}

/** Only the newest version counts: building an older recipe again makes it the one that machines boot. */
function findPresent(repository: ImageRepository, recipe: Recipe, sha256: string): ImageRef | undefined {
  const newest = repository.newest(recipe.image);
  return newest !== undefined && repository.version(newest)?.recipeSha256 === sha256 ? newest : undefined;
}

/** What a build that was killed left behind, whose mounts and processes died with it; and what virtdom kept before it kept stages. */
function removeDeadWork(cache: string): void {
  for (const name of readdirSync(cache)) {
    if (/^bootstrap-[a-z]+-[0-9a-f]{16}\.tar$/.test(name)) rmSync(join(cache, name));
    const pid = /^work-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`)))
      rmSync(join(cache, name), { recursive: true, force: true });
  }
}
