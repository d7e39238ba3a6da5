import type { Command } from 'commander';
import type { Explanation, MachineFiles, MachineResource } from '../api/schemas/machine.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { parseCount } from './duration.ts';
import { addMachineBootCommand } from './machine-boot.ts';
import { addMachineChangeCommands } from './machine-change.ts';
import { addMachineImportCommand } from './machine-import.ts';
import { machineView } from './machine-view.ts';
import { addMachineWatchCommand } from './machine-watch.ts';
import { addDocumentCommands } from './object-documents.ts';
import { outputOption, printItem, printItems } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { collect } from './selection.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** Adds `virtdom machine …`. */
export function addMachineCommands(program: Command, terminal: Terminal): void {
  const machine = program.command('machine').description('see, enrol and change the machines that boot from here');

  serviceCommand(machine, 'list', 'list machines, those that wait to be enrolled among them')
    .option('--state <states>', 'in one of these states, such as stuck,failed or pending')
    .option('--profile <profile>', 'assigned to this profile')
    .option('--role <role>', 'of this role')
    .option('--subnet <subnet>', 'seen on this subnet')
    .option('-l, --label <label=value>', 'with this label; several must all fit', collect)
    .option('-q, --search <text>', 'a text in the name, a MAC, an address, the UUID, the role or a label')
    .option('--sort <field>', 'name, state, since or lastBootAt; falling with a dash before it')
    .option('--limit <count>', 'at most so many', parseCount)
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
Examples:
  virtdom machine list --state pending
  virtdom machine list -l rack=a3 --sort=-lastBootAt -o wide
  virtdom machine list --state stuck,failed -o name`,
    )
    .action(asking(terminal, (api, options: ListOptions) => list(terminal, api, options)));

  serviceCommand(machine, 'get <machine...>', 'show machines by name')
    .addOption(outputOption())
    .action(asking(terminal, (api, names: string[], options: OutputOptions) => get(terminal, api, names, options)));

  serviceCommand(machine, 'explain <machine>', 'say what it would boot now, and why: every value with its origin')
    .addOption(outputOption())
    .action(asking(terminal, (api, name: string, options: OutputOptions) => explain(terminal, api, name, options)));

  serviceCommand(machine, 'files <machine>', 'list the files that are made for it, as it would get them now')
    .addOption(outputOption())
    .addHelpText('after', '\nTheir texts: virtdom template render PATH -m MACHINE')
    .action(
      asking(terminal, async (api, name: string, { output }: OutputOptions) => {
        const { body } = await api.get<MachineFiles>(apiPath`/machines/${name}/files`);
        if (output === 'table' || output === 'wide') terminal.error(`${printable(`${body.machine}: ${body.reason}`)}\n`);
        printItems(terminal, output, fileView, body.files);
      }),
    );

  addDocumentCommands(machine, terminal, 'Machine');
  addMachineChangeCommands(machine, terminal);
  addMachineBootCommand(machine, terminal);
  addMachineWatchCommand(machine, terminal);
  addMachineImportCommand(machine, terminal);
}

interface ListOptions extends OutputOptions {
  readonly state?: string;
  readonly profile?: string;
  readonly role?: string;
  readonly subnet?: string;
  readonly label?: readonly string[];
  readonly search?: string;
  readonly sort?: string;
  readonly limit?: number;
}

async function list(terminal: Terminal, api: ApiClient, options: ListOptions): Promise<void> {
  const { state, profile, role, subnet, label, search: q, sort } = options;
  const query = { state, profile, role, subnet, label: label?.join(','), q, sort };
  const machines = await api.list<MachineResource>('/machines', query, options.limit);
  printItems(terminal, options.output, machineView(terminal.now?.() ?? Date.now()), machines);
}

async function get(terminal: Terminal, api: ApiClient, names: readonly string[], { output }: OutputOptions): Promise<void> {
  const view = machineView(terminal.now?.() ?? Date.now());
  const machines: MachineResource[] = [];
  for (const name of names) machines.push((await api.get<MachineResource>(apiPath`/machines/${name}`)).body);
  const [only] = machines;
  if (machines.length === 1 && only !== undefined) printItem(terminal, output, view, only);
  else printItems(terminal, output, view, machines);
}

const fileView: View<MachineFiles['files'][number]> = {
  columns: [
    { head: 'PATH', cell: ({ path }) => path },
    { head: 'TEMPLATE', cell: ({ template }) => template },
    { head: 'BYTES', cell: ({ bytes }) => bytes, align: 'right' },
    { head: 'PROBLEM', cell: ({ problem }) => problem, tone: () => 'bad' },
  ],
  name: ({ path }) => path,
};

type ExplainedValue = Explanation['values'][number];

const valueView: View<ExplainedValue> = {
  columns: [
    { head: 'VALUE', cell: ({ name }) => name },
    { head: 'IS', cell: ({ value }) => plainText(value) },
    { head: 'FROM', cell: ({ origin, object }) => object ?? origin },
    {
      head: 'HIDES',
      cell: ({ shadowed }) => shadowed.map(({ value, origin, object }) => `${plainText(value)} of ${object ?? origin}`).join(', '),
    },
    { head: 'NOTE', cell: ({ note }) => note },
  ],
  name: ({ name }) => name,
};

function plainText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function explain(terminal: Terminal, api: ApiClient, name: string, { output }: OutputOptions): Promise<void> {
  const { body } = await api.get<Explanation>(apiPath`/machines/${name}:explain`);
  if (output === 'json' || output === 'yaml') return printItem(terminal, output, { columns: [], name: () => name }, body);
  if (output === 'table' || output === 'wide') {
    const { decision, running } = body;
    terminal.out(`${printable(`${body.machine}: ${decision.kind}: ${decision.reason}`)}\n`);
    if (running !== undefined)
      terminal.out(
        `${printable(`Boot ${running.boot} goes on with what it began with: profile ${running.profile}${running.image === undefined ? '' : `, image ${running.image}`}`)}\n`,
      );
  }
  printItems(terminal, output, valueView, body.values);
}
