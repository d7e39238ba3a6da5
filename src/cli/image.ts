import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { buildImage, explainBuild, mebibytes } from '../images/build.ts';
import { deleteImage } from '../images/delete-image.ts';
import { ImageError } from '../images/image-error.ts';
import { textProgress } from '../images/progress.ts';
import { loadRecipe } from '../images/recipe.ts';
import { ImageRepository } from '../images/repository.ts';
import type { PublishedVersion } from '../images/published-version.ts';
import { treeDigest } from '../images/tree-digest.ts';
import { verifyImage } from '../images/verify.ts';
import type { ImageRef } from '../model/image-manifest.ts';
import { formatImageRef, parseImageName } from '../model/image-manifest.ts';
import { CliError } from './cli-error.ts';
import { configOption, stateDirOf, stateDirOption } from './config-option.ts';
import type { StateDirOptions } from './config-option.ts';

const project = resolve(import.meta.dirname, '../..');

/** Where lines go: what was asked for, and what is said about it. */
interface Voice {
  readonly print: (line: string) => void;
  readonly say: (line: string) => void;
}

/** Adds `virtdom image build|list|verify|delete|digest`. They work on the state directory and need no running server. */
export function addImageCommands(program: Command): void {
  const terminal = program.configureOutput();
  const voice: Voice = { print: (line) => terminal.writeOut?.(`${line}\n`), say: (line) => terminal.writeErr?.(`${line}\n`) };
  const image = program.command('image').description('make, check and list the images that machines boot');
  const command = (usage: string, description: string): Command =>
    image.command(usage).description(description).addOption(configOption()).addOption(stateDirOption());

  command('build <recipe>', 'build an image: the name of a recipe in recipes/, or a recipe file')
    .option('--dry-run', 'only say what would be done')
    .option('--force', 'build although there is a version of the same recipe')
    .option('--refresh', 'fetch all packages again, for their security updates')
    .action((recipe: string, options: StateDirOptions & BuildOptions) => run(() => build(voice, recipe, options)));

  command('list', 'list the published versions')
    .option('-o, --output <form>', 'table, json or name', 'table')
    .action((options: StateDirOptions & { readonly output: string }) => run(() => list(voice, options)));

  command('verify <image>', 'read every content of NAME or NAME@VERSION again and compare it with the manifest').action(
    (name: string, options: StateDirOptions) => run(() => verify(voice, name, options)),
  );

  command('delete <image>', 'delete NAME@VERSION and the contents that no other version has')
    .requiredOption('--unused', 'your word that no machine runs on it: a running Dom0 loses its root')
    .action((name: string, options: StateDirOptions) => run(() => remove(voice, name, options)));

  command(
    'digest <image> [folder]',
    'print what a machine with the kernel argument virtdom.check=usr prints when its root is whole',
  ).action((name: string, folder: string | undefined, options: StateDirOptions) =>
    run(() => digest(voice, name, folder ?? '/usr', options)),
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
    else if (version !== undefined) say(`published ${formatImageRef(ref)}: ${version.entryCount} paths, ${bootFileSizes(version)}`);
    print(formatImageRef(ref));
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

async function list({ print, say }: Voice, options: StateDirOptions & { readonly output: string }): Promise<void> {
  const versions = (await openRepository(options)).list();
  if (options.output === 'json') print(JSON.stringify(versions, null, 2));
  else if (options.output === 'name') for (const { ref } of versions) print(formatImageRef(ref));
  else if (versions.length === 0) say('no image is published: virtdom image build dom0');
  else {
    const rows = versions.map((version) => [
      formatImageRef(version.ref),
      new Date(version.builtMs).toISOString().slice(0, 19).replace('T', ' '),
      String(version.entryCount),
      bootFileSizes(version),
      version.contentId.slice(0, 12),
    ]);
    for (const line of table([['IMAGE', 'BUILT (UTC)', 'PATHS', 'BOOT FILES', 'CONTENT'], ...rows])) print(line);
  }
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
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

async function remove({ say }: Voice, name: string, options: StateDirOptions): Promise<void> {
  const repository = await openRepository(options);
  if (parseImageName(name)?.version === undefined) throw new ImageError('image-unknown', `say which version: ${name}@1`);
  const { contentsRemoved } = await deleteImage(repository, findRef(repository, name));
  say(`deleted ${name} and ${contentsRemoved} contents that no other version has`);
}

async function digest({ print }: Voice, name: string, folder: string, options: StateDirOptions): Promise<void> {
  const repository = await openRepository(options);
  const { files, sha256 } = treeDigest((await repository.manifest(findRef(repository, name))).manifest, folder);
  print(`${folder} files=${files} sha256=${sha256}`);
}

function openRepository(options: StateDirOptions): Promise<ImageRepository> {
  return ImageRepository.open(join(stateDirOf(options), 'images'));
}

function findRef(repository: ImageRepository, name: string): ImageRef {
  const parsed = parseImageName(name);
  const ref = parsed?.version === undefined ? repository.newest(name) : { image: parsed.image, version: parsed.version };
  if (ref !== undefined && repository.version(ref) !== undefined) return ref;
  const known = repository.list().map((version) => formatImageRef(version.ref));
  throw new ImageError(
    'image-unknown',
    `there is no image ${name}; there are: ${known.join(', ') || 'none, virtdom image build dom0 makes one'}`,
  );
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

function bootFileSizes(version: PublishedVersion): string {
  return version.bootFiles.map(({ name, size }) => `${name} ${mebibytes(size)}`).join(', ');
}

/** Gives what went wrong with an image the exit code that a script expects. */
async function run(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const cause = error instanceof DOMException && error.name === 'AbortError' ? error.cause : error;
    if (!(cause instanceof ImageError)) throw error;
    const reason = cause.code === 'image-unknown' ? 'notFound' : cause.code === 'image-in-use' ? 'conflict' : 'failed';
    throw new CliError(reason, cause.message, undefined, { cause: cause.cause });
  }
}
