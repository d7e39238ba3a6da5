import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { buildImage, explainBuild } from '../images/build.ts';
import { ImageError } from '../images/image-error.ts';
import { textProgress } from '../images/progress.ts';
import { loadRecipe } from '../images/recipe.ts';
import { ImageRepository } from '../images/repository.ts';
import { treeDigest } from '../images/tree-digest.ts';
import { verifyImage } from '../images/verify.ts';
import { formatImageRef } from '../model/image-manifest.ts';
import { configOption, stateDirOf, stateDirOption } from './config-option.ts';
import type { StateDirOptions } from './config-option.ts';
import { addImageInventoryCommands, bootFileSizes, findRef, openRepository, withImageErrors } from './image-inventory.ts';
import { addOtherWord } from './other-words.ts';
import type { Terminal } from './terminal.ts';

const project = resolve(import.meta.dirname, '../..');

/** Where lines go: what was asked for, and what is said about it. */
interface Voice {
  readonly print: (line: string) => void;
  readonly say: (line: string) => void;
}

/** Adds `virtdom image …`. Images are made and checked in the state directory: that needs no running service. */
export function addImageCommands(program: Command, terminal: Terminal): void {
  const voice: Voice = { print: (line) => terminal.out(`${line}\n`), say: (line) => terminal.error(`${line}\n`) };
  const image = program.command('image').description('make, check and list the images that machines boot');
  const command = (usage: string, description: string): Command =>
    image.command(usage).description(description).addOption(configOption()).addOption(stateDirOption());

  command('build <recipe>', 'build an image: the name of a recipe in recipes/, or a recipe file')
    .option('--dry-run', 'only say what would be done')
    .option('--force', 'build although there is a version of the same recipe')
    .option('--refresh', 'fetch all packages again, for their security updates')
    .action((recipe: string, options: StateDirOptions & BuildOptions) => withImageErrors(() => build(voice, recipe, options)));

  command('verify <image>', 'read every content of NAME or NAME@VERSION again and compare it with the manifest').action(
    (name: string, options: StateDirOptions) => withImageErrors(() => verify(voice, name, options)),
  );

  command(
    'digest <image> [folder]',
    'print what a machine with the kernel argument virtdom.check=usr prints when its root is whole',
  ).action((name: string, folder: string | undefined, options: StateDirOptions) =>
    withImageErrors(() => digest(voice, name, folder ?? '/usr', options)),
  );

  addImageInventoryCommands(image, terminal);
  addOtherWord(
    image,
    'publish',
    'An image is published by its build: virtdom image build RECIPE; virtdom image list shows what is published',
  );
}

interface BuildOptions {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly refresh?: boolean;
}

async function build({ print, say }: Voice, name: string, options: StateDirOptions & BuildOptions): Promise<void> {
  const stateDir = stateDirOf(options);
  const recipe = loadRecipe(recipeFile(name));
  const repository = await ImageRepository.open(join(stateDir, 'images'));
  const request = {
    recipe,
    repository,
    cache: join(stateDir, 'cache'),
    programVersion: programVersion(),
    force: options.force ?? false,
    refresh: options.refresh ?? false,
  };
  if (options.dryRun) {
    for (const line of explainBuild(request)) print(line);
    return;
  }
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals): void => abort.abort(new ImageError('command-failed', `stopped by ${signal}`));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const { kind, ref } = await buildImage({
      ...request,
      progress: textProgress((text) => say(text.trimEnd())),
      signal: abort.signal,
    });
    const version = repository.version(ref);
    if (kind === 'present')
      say(`${formatImageRef(ref)} was built from this very recipe: nothing to do (--force builds anyway, --refresh with today's packages)`);
    else if (version !== undefined)
      say(`published ${formatImageRef(ref)}: ${version.entryCount} paths, ${bootFileSizes(version.bootFiles)}`);
    print(formatImageRef(ref));
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

async function verify({ print, say }: Voice, name: string, options: StateDirOptions): Promise<void> {
  const repository = await openRepository(options);
  const ref = findRef(repository, name);
  const problems = await textProgress((text) => say(text.trimEnd())).stage(`verify ${formatImageRef(ref)}`, (note) =>
    verifyImage(repository, ref, (done, total) => note(`${done} of ${total} contents`)),
  );
  for (const problem of problems) print(problem);
  if (problems.length > 0)
    throw new ImageError(
      'image-damaged',
      `${formatImageRef(ref)}: ${problems.length} problems; build it again and let machines boot the new version`,
    );
  say(`${formatImageRef(ref)} is what was published`);
}

async function digest({ print }: Voice, name: string, folder: string, options: StateDirOptions): Promise<void> {
  const repository = await openRepository(options);
  const { files, sha256 } = treeDigest((await repository.manifest(findRef(repository, name))).manifest, folder);
  print(`${folder} files=${files} sha256=${sha256}`);
}

function recipeFile(name: string): string {
  if (name.includes('/') || name.endsWith('.yaml')) return resolve(name);
  const file = join(project, 'recipes', `${name}.yaml`);
  if (!existsSync(file)) throw new ImageError('recipe-invalid', `there is no recipe ${file}: name one of recipes/, or a file`);
  return file;
}

function programVersion(): string {
  return (JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string }).version;
}
