import { join } from 'node:path';
import type { Command } from 'commander';
import { configOption, stateDirOf, stateDirOption } from './config-option.ts';
import type { StateDirOptions } from './config-option.ts';

/** Adds `virtdom loader build`. */
export function addLoaderCommands(program: Command): void {
  program
    .command('loader')
    .description('make the boot loaders that machines are sent')
    .command('build')
    .description("make pxegrub and grub2.0 from this system's GRUB, and copy iPXE; does nothing where they are up to date")
    .addOption(configOption())
    .addOption(stateDirOption())
    .action((options: StateDirOptions) => build(options));
}

async function build(options: StateDirOptions): Promise<void> {
  const { buildLoaders } = await import('../images/loaders.ts');
  const dir = join(stateDirOf(options), 'loaders');
  const { grubVersion, files, notes } = await buildLoaders(dir);
  for (const note of notes) process.stderr.write(`${note}\n`);
  process.stdout.write(`${files.map((file) => `${dir}/${file}`).join('\n')}\n`);
  process.stderr.write(`made with ${grubVersion}\n`);
}
