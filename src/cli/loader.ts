import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { configOption } from './config-option.ts';

/** Adds `virtdom loader build`. */
export function addLoaderCommands(program: Command): void {
  program
    .command('loader')
    .description('make the boot loaders that machines are sent')
    .command('build')
    .description("make pxegrub and grub2.0 from this system's GRUB, and copy iPXE; does nothing where they are up to date")
    .addOption(configOption())
    .option('--state-dir <dir>', 'the state directory, in place of the one that the configuration names')
    .action((options: { config: string; stateDir?: string }) => build(options));
}

async function build({ config, stateDir }: { config: string; stateDir?: string }): Promise<void> {
  const { buildLoaders } = await import('../images/loaders.ts');
  const dir = join(stateDir === undefined ? loadConfig(config).stateDir : resolve(stateDir), 'loaders');
  const { grubVersion, files, notes } = await buildLoaders(dir);
  for (const note of notes) process.stderr.write(`${note}\n`);
  process.stdout.write(`${files.map((file) => `${dir}/${file}`).join('\n')}\n`);
  process.stderr.write(`made with ${grubVersion}\n`);
}
