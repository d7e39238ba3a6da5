import { access, constants } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { buildImage } from '../images/build.ts';
import { buildLoaders } from '../images/loaders.ts';
import { textProgress } from '../images/progress.ts';
import { loadRecipe } from '../images/recipe.ts';
import { ImageRepository } from '../images/repository.ts';
import { formatImageRef } from '../model/image-manifest.ts';
import { CliError } from './cli-error.ts';

/** What the lab runs, and the Debian package that has it. */
const programs: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'grub-mkimage': 'grub-common',
  mmdebstrap: 'mmdebstrap',
  ip: 'iproute2',
  setpriv: 'util-linux',
  tcpdump: 'tcpdump',
};

export interface Preparation {
  readonly project: string;
  /** Of recipes. */
  readonly images: readonly string[];
  readonly stateDir: string;
  readonly write: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Sees to it that there are programs, loaders and images, and shows what takes so long. Returns the images' names and versions. */
export async function prepareDemo({ project, images, stateDir, write, signal }: Preparation): Promise<string[]> {
  const missing = await missingPackages();
  if (missing.length > 0)
    throw new CliError('failed', 'programs that the lab needs are not installed', `Type: apt-get install ${missing.join(' ')}`);
  const progress = textProgress(write);
  const { notes } = await progress.stage('boot loaders', () => buildLoaders(join(stateDir, 'loaders')));
  for (const note of notes) progress.note(note);
  const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string };
  const refs: string[] = [];
  for (const image of images) {
    const { kind, ref } = await buildImage({
      recipe: loadRecipe(join(project, `recipes/${image}.yaml`)),
      repository: await ImageRepository.open(join(stateDir, 'images')),
      cache: join(stateDir, 'cache'),
      programVersion: version,
      force: false,
      refresh: false,
      progress,
      signal,
    });
    progress.note(`image ${formatImageRef(ref)} ${kind === 'built' ? 'is built' : 'is there from an earlier build'}`);
    refs.push(formatImageRef(ref));
  }
  return refs;
}

async function missingPackages(): Promise<string[]> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const missing: string[] = [];
  for (const [program, debianPackage] of Object.entries(programs)) {
    const tries = await Promise.allSettled(folders.map((folder) => access(join(folder, program), constants.X_OK)));
    if (tries.every(({ status }) => status === 'rejected')) missing.push(debianPackage);
  }
  return missing;
}
