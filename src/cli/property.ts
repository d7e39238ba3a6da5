import type { Command } from 'commander';
import type { PropertyAnswer, PropertyResource } from '../api/schemas/property.ts';
import { apiPath } from './api-client.ts';
import { formatSeconds, formatTime, parseCount } from './duration.ts';
import { outputOption, printItems } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** Properties in tables. */
export const propertyView: View<PropertyResource> = {
  columns: [
    { head: 'MACHINE', cell: ({ machine }) => machine },
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'VALUE', cell: ({ value }) => valueText(value) },
    { head: 'TYPE', cell: ({ type }) => type, wide: true },
    { head: 'AGE', cell: ({ ageSeconds }) => formatSeconds(ageSeconds), align: 'right' },
    { head: 'AT (UTC)', cell: ({ at }) => formatTime(at), wide: true },
    {
      head: 'PROBLEM',
      cell: ({ problem }) => problem && `${problem.code}: ${problem.reason}`,
      tone: ({ problem }) => (problem === undefined ? undefined : 'bad'),
    },
  ],
  name: ({ machine, name }) => `${machine}/${name}`,
  empty: 'no property fits: they come with the agents of hosts, virtdom host list',
};

function valueText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

interface ListOptions extends OutputOptions {
  readonly machine?: string;
  readonly name?: string;
  readonly search?: string;
  readonly history?: true;
  readonly sort?: string;
  readonly limit?: number;
}

/** Adds `virtdom property list|fetch`. */
export function addPropertyCommands(program: Command, terminal: Terminal): void {
  const noun = program.command('property').description('see what agents extracted from their hosts');

  serviceCommand(noun, 'list', 'list the last values')
    .option('-m, --machine <machine>', 'of this machine')
    .option('--name <property>', 'of this name; several with commas between')
    .option('-q, --search <text>', 'a text in the name or the machine')
    .option('--history', 'also values before the last, with -o json, jsonl or yaml')
    .option('--sort <field>', 'name or at; falling with a dash before it')
    .option('--limit <count>', 'at most so many', parseCount)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { machine, name, search: q, history, sort, limit, output }: ListOptions) => {
        const properties = await api.list<PropertyResource>('/properties', { machine, name, q, history, sort }, limit);
        printItems(terminal, output, propertyView, properties);
      }),
    );

  serviceCommand(noun, 'fetch <host> <property...>', 'let the agent of a host extract properties now')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, host: string, names: string[], { output }: OutputOptions) => {
        const { body } = await api.post<PropertyAnswer>(apiPath`/hosts/${host}:query`, { body: { names } });
        printItems(terminal, output, propertyView, body.items);
      }),
    );
}
