import { join } from 'node:path';
import type { Command } from 'commander';
import type { ImageResource } from '../api/schemas/image.ts';
import { deleteImage } from '../images/delete-image.ts';
import { ImageError } from '../images/image-error.ts';
import { mebibytes } from '../images/progress.ts';
import type { PublishedVersion } from '../images/published-version.ts';
import { ImageRepository } from '../images/repository.ts';
import { formatImageRef, parseImageName } from '../model/image-manifest.ts';
import type { ImageRef } from '../model/image-manifest.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { configOption, stateDirOf, stateDirOption } from './config-option.ts';
import type { StateDirOptions } from './config-option.ts';
import { confirm } from './confirmation.ts';
import { NoServiceError } from './connection-failure.ts';
import { formatTime } from './duration.ts';
import { outputOption, printItems } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { connect } from './service-command.ts';
import type { Terminal } from './terminal.ts';

const imageView: View<ImageResource> = {
  columns: [
    { head: 'IMAGE', cell: ({ ref }) => ref },
    { head: 'BUILT (UTC)', cell: ({ builtAt }) => formatTime(builtAt) },
    { head: 'PATHS', cell: ({ entries }) => entries, align: 'right' },
    { head: 'BOOT FILES', cell: ({ bootFiles }) => bootFileSizes(bootFiles.map(({ name, bytes }) => ({ name, size: bytes }))) },
    { head: 'CONTENT', cell: ({ contentId }) => contentId.slice(0, 12) },
    { head: 'PROFILES', cell: ({ profiles }) => profiles.join(','), wide: true },
    { head: 'MACHINES', cell: ({ machines }) => machines.join(','), wide: true },
    { head: 'ENVIRONMENTS', cell: ({ environments }) => environments.join(','), wide: true },
    { head: 'VMS', cell: ({ vms }) => vms.join(','), wide: true },
  ],
  name: ({ ref }) => ref,
  empty: 'no image is published: virtdom image build dom0',
};

interface InventoryOptions extends StateDirOptions {
  readonly server?: string;
}

/** Adds `list` and `delete`. A service that runs is asked: it knows who uses what. */
export function addImageInventoryCommands(image: Command, terminal: Terminal): void {
  const command = (usage: string, description: string): Command =>
    image
      .command(usage)
      .description(description)
      .option('--server <address>', 'ask this service (or VIRTDOM_SERVER)')
      .addOption(configOption())
      .addOption(stateDirOption());

  command('list', 'list the published versions; with -o wide who uses them, where a service runs')
    .addOption(outputOption())
    .action((options: InventoryOptions & OutputOptions) => withImageErrors(() => list(terminal, options)));

  command('delete <image>', 'delete NAME@VERSION and the contents that no other version has; asks first')
    .option('--unused', 'where no service runs: your word that no machine runs on it, since a running Dom0 loses its root')
    .option('-y, --yes', 'do not ask')
    .action((name: string, options: DeleteOptions) => withImageErrors(() => remove(terminal, name, options)));
}

async function list(terminal: Terminal, options: InventoryOptions & OutputOptions): Promise<void> {
  const images =
    (await asked(terminal, options, (api) => api.list<ImageResource>('/images'), 'or look')) ??
    (await openRepository(options)).list().map(asResource);
  printItems(terminal, options.output, imageView, images);
}

interface DeleteOptions extends InventoryOptions {
  readonly unused?: true;
  readonly yes?: true;
}

async function remove(terminal: Terminal, name: string, options: DeleteOptions): Promise<void> {
  if (parseImageName(name)?.version === undefined) throw new CliError('usage', `say which version: ${name}@1`);
  const question = printable(`Delete image ${name}?`);
  const done = await asked(terminal, options, async (api) => {
    await api.get(apiPath`/images/${name}`);
    await confirm(terminal, question, options.yes);
    await api.request('DELETE', apiPath`/images/${name}`);
    return true;
  });
  if (done === true) return terminal.error(`deleted ${name}\n`);
  if (options.unused !== true)
    throw new CliError('usage', `no service runs that knows who uses ${name}`, 'Say --unused if you know that no machine runs on it');
  const repository = await openRepository(options);
  const { contentsRemoved } = await deleteImage(repository, findRef(repository, name));
  terminal.error(`deleted ${name} and ${contentsRemoved} contents that no other version has\n`);
}

/** What the service answers; `undefined` where none was named and none runs, or (`or look`) none answers to us. */
async function asked<Result>(
  terminal: Terminal,
  { server, config, stateDir }: InventoryOptions,
  question: (api: ApiClient) => Promise<Result>,
  otherwise?: 'or look',
): Promise<Result | undefined> {
  const named = server !== undefined || Boolean(terminal.environment?.['VIRTDOM_SERVER']);
  if (stateDir !== undefined && !named) return undefined;
  const api = await connect(terminal, named ? { ...(server !== undefined && { server }) } : { config });
  try {
    return await question(api);
  } catch (error) {
    if (!named && (error instanceof NoServiceError || (error instanceof CliError && otherwise === 'or look'))) return undefined;
    throw error;
  } finally {
    api.close();
  }
}

/** A version as the service would show it, without what only the service knows. */
function asResource({ ref, contentId, recipeSha256, builtMs, entryCount, writablePaths, bootFiles }: PublishedVersion): ImageResource {
  return {
    ref: formatImageRef(ref),
    name: ref.image,
    version: ref.version,
    newest: false,
    contentId,
    recipeSha256,
    builtAt: new Date(builtMs).toISOString(),
    entries: entryCount,
    writablePaths: [...writablePaths],
    bootFiles: bootFiles.map(({ name, size, sha256 }) => ({ name, bytes: size, sha256 })),
    profiles: [],
    machines: [],
    environments: [],
    vms: [],
  };
}

export function bootFileSizes(files: readonly { readonly name: string; readonly size: number }[]): string {
  return files.map(({ name, size }) => `${name} ${mebibytes(size)}`).join(', ');
}

export function openRepository(options: StateDirOptions): Promise<ImageRepository> {
  return ImageRepository.open(join(stateDirOf(options), 'images'));
}

export function findRef(repository: ImageRepository, name: string): ImageRef {
  const parsed = parseImageName(name);
  const ref = parsed?.version === undefined ? repository.newest(name) : { image: parsed.image, version: parsed.version };
  if (ref !== undefined && repository.version(ref) !== undefined) return ref;
  const known = repository.list().map((version) => formatImageRef(version.ref));
  throw new ImageError(
    'image-unknown',
    `there is no image ${name}; there are: ${known.join(', ') || 'none, virtdom image build dom0 makes one'}`,
  );
}

/** Gives what went wrong with an image the exit code that a script expects. */
export async function withImageErrors(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const cause = error instanceof DOMException && error.name === 'AbortError' ? error.cause : error;
    if (!(cause instanceof ImageError)) throw error;
    const reason = cause.code === 'image-unknown' ? 'notFound' : cause.code === 'image-in-use' ? 'conflict' : 'failed';
    throw new CliError(reason, cause.message, undefined, { cause: cause.cause });
  }
}
