import { Option } from 'commander';
import type { Command } from 'commander';
import type { HostDetail, HostResource } from '../api/schemas/host.ts';
import type { PropertyResource } from '../api/schemas/property.ts';
import { apiPath } from './api-client.ts';
import { parseCount } from './duration.ts';
import { addHostChangeCommands } from './host-change.ts';
import { hostDetailView, hostView } from './host-view.ts';
import { outputOption, printItem, printItems } from './output.ts';
import type { OutputOptions } from './output.ts';
import { propertyView } from './property.ts';
import { collect } from './selection.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface ListOptions extends OutputOptions {
  readonly state?: string;
  readonly duty?: string;
  readonly role?: string;
  readonly label?: readonly string[];
  readonly search?: string;
  readonly sort?: string;
  readonly limit?: number;
}

/** Adds `virtdom host …`. */
export function addHostCommands(program: Command, terminal: Terminal): void {
  const noun = program.command('host').description('see Dom0s, drain them, and give the word that one is off');
  const now = (): number => terminal.now?.() ?? Date.now();

  serviceCommand(noun, 'list', 'list Dom0s with their capacity')
    .option('--state <states>', 'new, joining, online, suspect, fencing or fenced; several with commas between')
    .addOption(new Option('--duty <duty>', 'of this duty').choices(['active', 'draining', 'maintenance']))
    .option('--role <role>', 'of this role')
    .option('-l, --label <label=value>', 'whose machine has this label, or NAME for any value; several labels must all fit', collect)
    .option('-q, --search <text>', 'a text in the name, the role or the reason')
    .option('--sort <field>', 'name, state, role, since, heardAt or freeMib; falling with a dash before it')
    .option('--limit <count>', 'at most so many', parseCount)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { search: q, limit, output, state, duty, role, label, sort }: ListOptions) => {
        const query = { state, duty, role, label: label?.join(','), q, sort };
        printItems(terminal, output, hostView(now()), await api.list<HostResource>('/hosts', query, limit));
      }),
    );

  serviceCommand(noun, 'get <host>', 'show a Dom0: its boot, its capacity, its VMs, its role and why it has it')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { output }: OutputOptions) => {
        printItem(terminal, output, hostDetailView(now()), (await api.get<HostDetail>(apiPath`/hosts/${name}`)).body);
      }),
    );

  serviceCommand(noun, 'properties <host>', 'list what the agent of a Dom0 extracted last')
    .option('-q, --search <text>', 'a text in the name')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { search: q, output }: OutputOptions & { search?: string }) => {
        const properties = await api.list<PropertyResource>(apiPath`/hosts/${name}/properties`, { q });
        printItems(terminal, output, propertyView, properties);
      }),
    );

  addHostChangeCommands(noun, terminal);
}
