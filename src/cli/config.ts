import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { configurationReference } from '../config/reference.ts';
import { showConfig } from '../config/show.ts';
import { objectKinds } from '../machines/object-schemas.ts';
import { configOption } from './config-option.ts';
import { objectsOfFile, servedSubnetsOf } from './objects-of-file.ts';

export function addConfigCommands(program: Command): void {
  const config = program.command('config').description('check and show the configuration');
  const print = (text: string): void => program.configureOutput().writeOut?.(text);

  config
    .command('check')
    .description('say everything that is wrong with the configuration, each with file:line')
    .addOption(configOption())
    .option('--elsewhere', 'the configuration is for another machine: leave out what depends on the interfaces of this one')
    .action((options: { config: string; elsewhere?: true }) => {
      const loaded = loadConfig(options.config);
      const objects = objectsOfFile(loaded);
      if (objects !== undefined && options.elsewhere === undefined) servedSubnetsOf(objects);
      print(`${loaded.file}: ok${objects === undefined ? '' : `; ${loaded.objectsFile}: ${countsOf(objects.documents)}`}\n`);
    });

  config
    .command('show')
    .description('print the configuration with its defaults and environment variables filled in')
    .addOption(configOption())
    .action((options: { config: string }) => print(showConfig(loadConfig(options.config))));

  config
    .command('reference')
    .description('print the reference of all keys, in Markdown')
    .action(() => print(configurationReference()));
}

function countsOf(documents: readonly { readonly kind: string }[]): string {
  const counts = objectKinds
    .map((kind) => ({ noun: kind.toLowerCase(), count: documents.filter((each) => each.kind === kind).length }))
    .filter(({ count }) => count > 0);
  return counts.length === 0 ? 'no object' : counts.map(({ noun, count }) => `${count} ${noun}${count === 1 ? '' : 's'}`).join(', ');
}
