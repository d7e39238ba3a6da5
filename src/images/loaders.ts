import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { builtInModules, earlyScript, grub2Script, pxegrubScript } from './grub-scripts.ts';
import { ImageError } from './image-error.ts';
import { repairLegacyConfig } from './legacy-config-repair.ts';

const execute = promisify(execFile);

/** Where Debian and Ubuntu put what loaders are made of. */
export interface LoaderSources {
  readonly grubModules: string;
  readonly ipxe: string;
}

const debianSources: LoaderSources = { grubModules: '/usr/lib/grub/i386-pc', ipxe: '/usr/lib/ipxe' };

/** What was built, kept beside the loaders as `.build.json`. */
export interface LoaderBuild {
  /** Hash of all that went in: the same sources are not built twice. */
  readonly key: string;
  readonly grubVersion: string;
  /** Paths as clients ask for them, without the modules under grub/i386-pc. */
  readonly files: readonly string[];
  /** What a person should know: repairs that this GRUB did not take, packages that are not there. */
  readonly notes: readonly string[];
}

/**
 * Makes the boot loaders that the server hands out, in `dir`: `pxegrub` (GRUB 2 for BIOS machines, reads GRUB Legacy's
 * menus), `grub2.0` (GRUB 2's own configuration), GRUB's modules, iPXE. Does nothing where they are up to date. A folder is
 * replaced as a whole, by rename. Throws ImageError that names the package to install.
 */
export async function buildLoaders(dir: string, sources: LoaderSources = debianSources): Promise<LoaderBuild> {
  const grubVersion = await findGrub(sources);
  const key = await sourcesKey(sources, grubVersion);
  const present = await readBuild(dir);
  if (present?.key === key) return present;

  await mkdir(dirname(dir), { recursive: true });
  const work = await mkdtemp(`${dir}.new-`);
  // The server may run as another user.
  await chmod(work, 0o755);
  try {
    const notes = await makeGrubImages(work, sources);
    const ipxe = await copyIpxe(work, sources, notes);
    const build: LoaderBuild = { key, grubVersion, files: ['pxegrub', 'grub2.0', ...ipxe], notes };
    await writeFile(join(work, '.build.json'), `${JSON.stringify(build, undefined, 2)}\n`);
    await replaceFolder(dir, work);
    return build;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function findGrub(sources: LoaderSources): Promise<string> {
  try {
    await access(join(sources.grubModules, 'legacycfg.mod'));
    const { stdout } = await execute('grub-mkimage', ['--version']);
    return stdout.trim();
  } catch (error) {
    const what = `the boot loader is made of ${sources.grubModules} by grub-mkimage, and one of them is missing`;
    throw new ImageError('package-missing', `${what}: apt-get install grub-pc-bin grub-common`, { cause: error });
  }
}

async function sourcesKey(sources: LoaderSources, grubVersion: string): Promise<string> {
  const hash = createHash('sha256');
  for (const text of [grubVersion, earlyScript, pxegrubScript, grub2Script, ...builtInModules]) hash.update(`${text}\0`);
  const ownCode = ['./loaders.ts', './legacy-config-repair.ts'].map((name) => new URL(name, import.meta.url));
  for (const file of ownCode) hash.update(await readFile(file));
  for (const name of (await readdir(sources.grubModules)).sort()) hash.update(name).update(await readFile(join(sources.grubModules, name)));
  for (const name of ipxeFiles) hash.update(name).update((await readIfThere(join(sources.ipxe, name))) ?? 'absent');
  return hash.digest('hex');
}

/** Both images and the modules, so that `insmod` in somebody's grub.cfg finds the ones that fit. Returns notes. */
async function makeGrubImages(work: string, sources: LoaderSources): Promise<string[]> {
  const modules = join(work, 'grub/i386-pc');
  await mkdir(modules, { recursive: true });
  const { bytes, unrepaired } = repairLegacyConfig(await readFile(join(sources.grubModules, 'legacycfg.mod')));
  const parts = join(work, '.parts');
  await mkdir(parts);
  for (const name of await readdir(sources.grubModules)) {
    if (name !== 'legacycfg.mod') await symlink(join(sources.grubModules, name), join(parts, name));
    if (/\.(mod|lst)$/.test(name)) await copyFile(join(sources.grubModules, name), join(modules, name));
  }
  await writeFile(join(parts, 'legacycfg.mod'), bytes);
  await writeFile(join(modules, 'legacycfg.mod'), bytes);
  await makeImage(work, 'pxegrub', pxegrubScript);
  await makeImage(work, 'grub2.0', grub2Script);
  await rm(parts, { recursive: true });
  return unrepaired.map((what) => `this GRUB's reader of legacy menus could not be repaired for: ${what}`);
}

async function makeImage(work: string, name: string, startScript: string): Promise<void> {
  const parts = join(work, '.parts');
  const tree = await mkdtemp(join(work, '.memdisk-'));
  await writeFile(join(tree, 'start.cfg'), startScript);
  await writeFile(join(parts, 'early.cfg'), earlyScript);
  const archive = join(parts, `${name}.tar`);
  await execute('tar', ['--format=ustar', '--mtime=@0', '--owner=0', '--group=0', '-C', tree, '-cf', archive, 'start.cfg']);
  const from = ['--directory', parts, '--config', join(parts, 'early.cfg'), '--memdisk', archive];
  const to = ['--format', 'i386-pc-pxe', '--prefix', '(memdisk)/grub', '--output', join(work, name)];
  try {
    await execute('grub-mkimage', [...from, ...to, ...builtInModules]);
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new ImageError('command-failed', `grub-mkimage could not make ${name}: ${stderr?.trim() ?? String(error)}`, { cause: error });
  }
  await rm(tree, { recursive: true });
}

const ipxeFiles = ['undionly.kpxe', 'ipxe.efi', 'snponly.efi'];

async function copyIpxe(work: string, sources: LoaderSources, notes: string[]): Promise<string[]> {
  const copied: string[] = [];
  for (const name of ipxeFiles) {
    const bytes = await readIfThere(join(sources.ipxe, name));
    if (bytes === undefined) continue;
    await writeFile(join(work, name), bytes);
    copied.push(name);
  }
  if (copied.length < ipxeFiles.length) notes.push('iPXE is not there for profiles that want it: apt-get install ipxe');
  return copied;
}

/** Two renames: a client that asks between them is told that the file is missing and asks again. */
async function replaceFolder(dir: string, work: string): Promise<void> {
  const old = `${work}.old`;
  try {
    await rename(dir, old);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await rename(work, dir);
  await rm(old, { recursive: true, force: true });
}

async function readBuild(dir: string): Promise<LoaderBuild | undefined> {
  const text = await readIfThere(join(dir, '.build.json'));
  return text === undefined ? undefined : (JSON.parse(text.toString('utf8')) as LoaderBuild);
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
