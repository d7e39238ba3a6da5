import type { Command } from 'commander';
import type { BootResource, BootSummary } from '../api/schemas/boot.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient, Page } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { bootView } from './boot-view.ts';
import { CliError } from './cli-error.ts';
import { describeBoot } from './boot-description.ts';
import { parseCount, parseMoment } from './duration.ts';
import { outputOption, printItem, printItems } from './output.ts';
import type { OutputOptions } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** Adds `virtdom boot list|show`. */
export function addBootCommands(program: Command, terminal: Terminal): void {
  const boot = program.command('boot').description('see how machines booted: each power-on with its timeline');

  serviceCommand(boot, 'list', 'list boots, the newest first')
    .option('-m, --machine <machine>', 'of this machine')
    .option('--profile <profile>', 'by this profile')
    .option('--state <states>', 'in one of these states, such as stuck,failed')
    .option('--since <time>', 'begun not before this time, or for so long: 2h', parseMoment)
    .option('--until <time>', 'begun not after this time', parseMoment)
    .option('--limit <count>', 'the newest so many', parseCount, 50)
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  virtdom boot list --state stuck,failed --since 1d')
    .action(asking(terminal, (api, options: ListOptions) => list(terminal, api, options)));

  serviceCommand(boot, 'show <boot>', 'show a boot with its timeline: by its number, or the newest one of a machine by its name')
    .addOption(outputOption())
    .addHelpText('after', '\nExamples:\n  virtdom boot show post01\n  virtdom boot show post01 -o json')
    .action(asking(terminal, (api, name: string, options: OutputOptions) => show(terminal, api, name, options)));
}

interface ListOptions extends OutputOptions {
  readonly machine?: string;
  readonly profile?: string;
  readonly state?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

async function list(terminal: Terminal, api: ApiClient, options: ListOptions): Promise<void> {
  const { machine, profile, state, since, until, limit, output } = options;
  const boots = await api.list<BootSummary>('/boots', { machine, profile, state, since, until }, limit);
  printItems(terminal, output, bootView(terminal.now?.() ?? Date.now()), boots);
  if (boots.length === limit) terminal.error(`the newest ${limit}; --limit shows more\n`);
}

async function show(terminal: Terminal, api: ApiClient, name: string, { output }: OutputOptions): Promise<void> {
  const { body } = await find(api, name);
  printItem(terminal, output, { ...bootView(terminal.now?.() ?? Date.now()), detail: describeBoot }, body);
}

async function find(api: ApiClient, name: string): Promise<{ readonly body: BootResource }> {
  const boot = await api.get<BootResource>(apiPath`/boots/${name}`).catch((error: unknown) => {
    if (!(error instanceof ApiProblem) || error.status !== 404) throw error;
  });
  if (boot !== undefined) return boot;
  const [newest] = (await api.get<Page<BootSummary>>('/boots', { machine: name, limit: 1 })).body.items;
  if (newest === undefined) throw new CliError('notFound', `there is no boot ${name}, and no machine of this name has booted`);
  return api.get<BootResource>(apiPath`/boots/${newest.id}`);
}
