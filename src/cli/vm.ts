import type { Command } from 'commander';
import type { VmExplanation, VmResource } from '../api/schemas/vm.ts';
import { apiPath } from './api-client.ts';
import { parseCount } from './duration.ts';
import { outputOption, printItem, printItems } from './output.ts';
import type { OutputOptions } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';
import { addVmChangeCommands } from './vm-change.ts';
import { addVmConsoleCommand } from './vm-console.ts';
import { addVmWatchCommand } from './vm-watch.ts';
import { vmExplanationView, vmView } from './vm-view.ts';

interface ListOptions extends OutputOptions {
  readonly host?: string;
  readonly environment?: string;
  readonly state?: string;
  readonly search?: string;
  readonly sort?: string;
  readonly limit?: number;
}

/** Adds `virtdom vm …`. */
export function addVmCommands(program: Command, terminal: Terminal): void {
  const noun = program.command('vm').description('see virtual machines, and stop, move or clear them');
  const now = (): number => terminal.now?.() ?? Date.now();

  serviceCommand(noun, 'list', 'list VMs')
    .option('--host <host>', 'with a claim of this host')
    .option('--environment <environment>', 'of this environment')
    .option('--state <states>', 'stopped, waiting, starting, running, stopping, migrating, lost, recovering or error; several with commas')
    .option('-q, --search <text>', 'a text in the name, the environment, the host, the reason or an address')
    .option('--sort <field>', 'name, environment, host, state or since; falling with a dash before it')
    .option('--limit <count>', 'at most so many', parseCount)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { search: q, limit, output, host, environment, state, sort }: ListOptions) => {
        printItems(terminal, output, vmView(now()), await api.list<VmResource>('/vms', { host, environment, state, q, sort }, limit));
      }),
    );

  serviceCommand(noun, 'get <vm>', 'show a VM')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { output }: OutputOptions) => {
        printItem(terminal, output, vmView(now()), (await api.get<VmResource>(apiPath`/vms/${name}`)).body);
      }),
    );

  serviceCommand(noun, 'explain <vm>', 'say why a VM is where it is, or nowhere, and what would let it move')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { output }: OutputOptions) => {
        printItem(terminal, output, vmExplanationView, (await api.get<VmExplanation>(apiPath`/vms/${name}:explain`)).body);
      }),
    );

  addVmConsoleCommand(noun, terminal);
  addVmWatchCommand(noun, terminal, 'vm');
  addVmChangeCommands(noun, terminal);
}
