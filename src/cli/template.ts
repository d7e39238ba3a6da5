import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { type Config, loadConfig, resolveSubnets } from '../config.ts';
import { silentLog } from '../log.ts';
import { CliError } from './cli-error.ts';
import { configOption } from './config-option.ts';

/** Adds `virtdom template render|check`. They read the configuration themselves and need no running server. */
export function addTemplateCommands(program: Command): void {
  const template = program.command('template').description('render and check the menus that machines download');
  const print = (text: string): void => program.configureOutput().writeOut?.(text);

  template
    .command('render <name>')
    .description('print exactly what a machine would download, with <boot-token> in place of its token')
    .requiredOption('-m, --machine <machine>', 'for which machine')
    .addOption(configOption())
    .addHelpText('after', "\nNAME is a template of the machine's profile, such as menu.lst, or a path, such as /grub/post01.conf.")
    .action(async (name: string, options: { config: string; machine: string }) => {
      const desk = await deskOf(loadConfig(options.config));
      const preview = desk.preview(options.machine, name);
      await desk.close();
      if (preview.kind === 'failed') throw new CliError('notFound', preview.reason);
      for (const file of preview.files) print(Buffer.from(file.bytes).toString());
    });

  template
    .command('check')
    .description('render every template for every machine and say everything that is wrong')
    .addOption(configOption())
    .action(async (options: { config: string }) => {
      const config = loadConfig(options.config);
      const desk = await deskOf(config);
      const { formatProblem } = await import('../boot/template-error.ts');
      const problems = await desk.checkAll();
      await desk.close();
      if (problems.length > 0) throw new CliError('failed', `${config.templatesDir}:\n${problems.map(formatProblem).join('\n')}`);
      const { length } = config.objects.machines;
      print(`${config.templatesDir}: ok for ${length} ${length === 1 ? 'machine' : 'machines'}\n`);
    });
}

async function deskOf(config: Config): Promise<import('../boot/boot-desk.ts').BootDesk> {
  const [{ BootDesk }, { MemoryAttemptStore }, { ImageRepository }] = await Promise.all([
    import('../boot/boot-desk.ts'),
    import('../boot/attempt-store.ts'),
    import('../images/repository.ts'),
  ]);
  return BootDesk.open({
    objects: { ...config.objects, subnets: resolveSubnets(config, networkInterfaces()) },
    images: await ImageRepository.open(join(config.stateDir, 'images')),
    loadersDir: join(config.stateDir, 'loaders'),
    templatesDir: config.templatesDir,
    httpPort: config.http.port,
    clients: { leaseOwner: () => undefined, neighbourMac: () => undefined },
    store: new MemoryAttemptStore(),
    // No file that is made here carries a token.
    secret: new Uint8Array(32),
    clock: systemClock,
    log: silentLog,
    listener: () => {},
  });
}
