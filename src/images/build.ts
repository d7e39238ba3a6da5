import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRef } from '../model/image-manifest.ts';
import { findMirror, neutralMirror, sourceLines } from './apt-sources.ts';
import { bootstrap, bootstrapArchive, unpack } from './bootstrap.ts';
import { runInRoot } from './command.ts';
import { convertToFlash } from './flash.ts';
import { ImageError } from './image-error.ts';
import { kernelVersion, pruneKernelModules } from './kernel-modules.ts';
import { findLostAttributes } from './lost-attributes.ts';
import type { Progress } from './progress.ts';
import { publishTree } from './publish.ts';
import { recipeSha256 } from './recipe-hash.ts';
import type { Recipe } from './recipe.ts';
import type { ImageRepository } from './repository.ts';
import { applyOverlay, maskUnits, onePath, pathInRoot, removePaths } from './root-tree.ts';
import { findSecrets } from './secrets.ts';

export interface BuildRequest {
  readonly recipe: Recipe;
  readonly repository: ImageRepository;
  /** Where stages are kept and worked on: `cache/` of the state directory. */
  readonly cache: string;
  readonly programVersion: string;
  /** Builds although there is a version of the same recipe. */
  readonly force: boolean;
  /** Fetches the packages again, for their security updates. */
  readonly refresh: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

export type BuildResult = { readonly kind: 'present' | 'built'; readonly ref: ImageRef };

/** What a build would do, in words, one line a step; for `--dry-run`. */
export function explainBuild({
  recipe,
  repository,
  cache,
  programVersion,
  force,
  refresh,
}: Omit<BuildRequest, 'progress' | 'signal'>): string[] {
  const sha256 = recipeSha256(recipe, programVersion);
  const present = findPresent(repository, recipe, sha256);
  if (present !== undefined && !force && !refresh)
    return [`${present.image}@${present.version} was built from this recipe (${sha256.slice(0, 12)}): nothing to do`];
  const archive = bootstrapArchive(cache, recipe);
  const mirror = findMirror();
  return [
    `recipe ${sha256.slice(0, 12)}, suite ${recipe.suite}, ${recipe.packages.length} packages`,
    existsSync(archive) && !refresh
      ? `unpack the kept bootstrap stage ${archive}`
      : `bootstrap from ${mirror.main}${mirror.security === undefined ? '' : ` and ${mirror.security}`}`,
    ...recipe.overlays.map((overlay) => `lay ${overlay} over it`),
    ...(recipe.kernelModules ? [`keep the kernel modules of ${recipe.kernelModules.length} patterns`] : []),
    ...recipe.steps.map(({ name }) => `step: ${name}`),
    `move to /flash: ${recipe.writable.join(' ')}`,
    `publish as ${recipe.image}@${(repository.newest(recipe.image)?.version ?? 0) + 1}`,
  ];
}

/** Makes an image version from a recipe, or names the one that was made from the same recipe. Needs root. */
export async function buildImage(request: BuildRequest): Promise<BuildResult> {
  const { recipe, repository, cache, progress, signal } = request;
  const sha256 = recipeSha256(recipe, request.programVersion);
  const present = findPresent(repository, recipe, sha256);
  if (present !== undefined && !request.force && !request.refresh) return { kind: 'present', ref: present };
  if (process.getuid?.() !== 0)
    throw new ImageError('not-root', 'building an image needs root (files of many owners, chroot): sudo virtdom image build');
  const mirror = findMirror();
  mkdirSync(cache, { recursive: true });
  removeDeadWork(cache);
  const work = join(cache, `work-${process.pid}`);
  mkdirSync(work, { mode: 0o700 });
  try {
    const options = { logFile: join(cache, `build-${recipe.image}.log`), ...(signal && { signal }) };
    writeFileSync(options.logFile, '');
    if (request.refresh) rmSync(bootstrapArchive(cache, recipe), { force: true });
    const { archive } = await progress.stage(`bootstrap ${recipe.suite} with ${recipe.packages.length} packages`, async (note) => {
      const result = await bootstrap(cache, recipe, mirror, work, { ...options, onLine: note });
      if (result.cached) progress.note(`the bootstrap stage is kept in ${result.archive} (${mebibytes(statSync(result.archive).size)})`);
      return result;
    });
    const root = join(work, 'root');
    await progress.stage('unpack the bootstrap stage', () => unpack(archive, root, options));
    signal?.throwIfAborted();
    await finishRoot(recipe, root, progress, options);
    signal?.throwIfAborted();
    await progress.stage('check for secrets and for what NFS cannot carry', async () => {
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
    return { kind: 'built', ref };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** mmdebstrap copies these from the machine that builds; each machine gets its own in the initramfs. */
const neutralFiles: Readonly<Record<string, string>> = {
  '/etc/hostname': 'localhost\n',
  '/etc/hosts': '127.0.0.1 localhost\n',
  '/etc/resolv.conf': '',
};

/** From unpacked packages to the root as machines will see it. */
async function finishRoot(
  recipe: Recipe,
  root: string,
  progress: Progress,
  options: { logFile: string; signal?: AbortSignal },
): Promise<void> {
  writeFileSync(
    pathInRoot(root, '/etc/apt/sources.list'),
    sourceLines(neutralMirror, recipe.suite, recipe.components)
      .map((line) => `${line}\n`)
      .join(''),
  );
  for (const [path, text] of Object.entries(neutralFiles)) {
    rmSync(pathInRoot(root, path), { force: true });
    writeFileSync(pathInRoot(root, path), text, { mode: 0o644 });
  }
  for (const overlay of recipe.overlays) progress.note(`overlay ${overlay}: ${applyOverlay(root, overlay)} paths`);
  const kernel = kernelVersion(root);
  if (recipe.kernelModules !== undefined && kernel !== undefined) {
    const { kept, removed } = pruneKernelModules(root, kernel, recipe.kernelModules);
    progress.note(`kernel ${kernel}: ${kept} modules stay, ${removed} removed`);
  }
  const enable = recipe.units.enable.length > 0 ? [{ name: 'enable units', run: `systemctl enable ${recipe.units.enable.join(' ')}` }] : [];
  for (const { name, run } of [...enable, ...recipe.steps]) {
    await progress.stage(name, (onLine) => runInRoot(root, run, { ...options, onLine, env: { KERNEL: kernel ?? '' } }));
  }
  maskUnits(root, recipe.units.mask);
  progress.note(`${removePaths(root, recipe.remove)} paths removed`);
  convertToFlash(root, recipe.writable);
  progress.note(`${recipe.writable.length} paths moved to /flash`);
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
    progress.note(`machines will not see ${names.join(', ')} of ${path}: NFS version 3 carries no such attributes`);
}

/** Only the newest version counts: building an older recipe again makes it the one that machines boot. */
function findPresent(repository: ImageRepository, recipe: Recipe, sha256: string): ImageRef | undefined {
  const newest = repository.newest(recipe.image);
  return newest !== undefined && repository.version(newest)?.recipeSha256 === sha256 ? newest : undefined;
}

/** What a build that was killed left behind. Its mounts and processes died with it. */
function removeDeadWork(cache: string): void {
  for (const name of readdirSync(cache)) {
    const pid = /^work-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`)))
      rmSync(join(cache, name), { recursive: true, force: true });
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(bytes < 10 * 1024 ** 2 ? 1 : 0)} MiB`;
}
