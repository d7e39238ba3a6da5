import type { Command } from 'commander';
import type { ProfileResource } from '../api/schemas/profile.ts';
import type { SubnetResource } from '../api/schemas/subnet.ts';
import type { ApiClient } from './api-client.ts';
import { confirm } from './confirmation.ts';
import { formatTime, parseCount } from './duration.ts';
import { addDocumentCommands, collections } from './object-documents.ts';
import type { ObjectKind } from './object-documents.ts';
import { outputOption, printItem, printItems, yamlText } from './output.ts';
import type { Column, OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface Changed {
  readonly name: string;
  readonly revision: number;
  readonly updatedAt?: string;
  readonly updatedBy?: string;
}

const changedColumns: readonly Column<Changed>[] = [
  { head: 'REVISION', cell: ({ revision }) => revision, align: 'right', wide: true },
  { head: 'CHANGED', cell: ({ updatedAt }) => formatTime(updatedAt), wide: true },
  { head: 'BY', cell: ({ updatedBy }) => updatedBy, wide: true },
];

const profileView: View<ProfileResource> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'BOOT', cell: ({ boot }) => boot ?? 'network' },
    { head: 'IMAGE', cell: ({ image }) => image },
    { head: 'MENUS', cell: ({ menus = [] }) => menus.map(({ template }) => template).join(',') },
    { head: 'MACHINES', cell: ({ machines }) => machines, align: 'right' },
    { head: 'LOADERS', cell: ({ loaders = {} }) => Object.keys(loaders).join(','), wide: true },
    ...changedColumns,
  ],
  name: ({ name }) => name,
  empty: 'there is no profile: virtdom profile create -f FILE, or virtdom apply -f FILE',
  detail: yamlText,
};

const subnetView: View<SubnetResource> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'NETWORK', cell: ({ cidr }) => cidr },
    { head: 'INTERFACE', cell: ({ interface: each }) => each },
    { head: 'MODE', cell: ({ mode }) => mode ?? 'authoritative' },
    { head: 'POOL', cell: ({ pool }) => pool },
    { head: 'LEASES', cell: ({ leases, poolSize }) => (poolSize === undefined ? undefined : `${leases} of ${poolSize}`), align: 'right' },
    { head: 'UNKNOWN', cell: ({ unknown }) => unknown ?? 'ignore' },
    { head: 'NOT ANSWERED', cell: ({ unserved }) => unserved },
    { head: 'ROUTER', cell: ({ router }) => router, wide: true },
    { head: 'OWN ADDRESS', cell: ({ serverAddress }) => serverAddress, wide: true },
    ...changedColumns,
  ],
  name: ({ name }) => name,
  empty: 'there is no subnet: virtdom subnet create -f FILE, or virtdom apply -f FILE',
  detail: yamlText,
};

/** Adds `virtdom profile …`. */
export function addProfileCommands(program: Command, terminal: Terminal): void {
  addObjectCommands(program, terminal, 'Profile', 'see and change the kinds of boot', profileView);
}

/** Adds `virtdom subnet …`. */
export function addSubnetCommands(program: Command, terminal: Terminal): void {
  addObjectCommands(program, terminal, 'Subnet', 'see and change the networks that the service answers on', subnetView);
}

function addObjectCommands<Item extends Changed>(
  program: Command,
  terminal: Terminal,
  kind: ObjectKind,
  description: string,
  view: View<Item>,
): void {
  const word = kind.toLowerCase();
  const noun = program.command(word).description(description);

  serviceCommand(noun, 'list', `list ${word}s`)
    .option('-q, --search <text>', 'a text in the name and what else names it')
    .option('--sort <field>', 'name or updatedAt; falling with a dash before it')
    .option('--limit <count>', 'at most so many', parseCount)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, options: OutputOptions & { search?: string; sort?: string; limit?: number }) => {
        const items = await api.list<Item>(collections[kind], { q: options.search, sort: options.sort }, options.limit);
        printItems(terminal, options.output, view, items);
      }),
    );

  serviceCommand(noun, `get <${word}>`, `show a ${word}`)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { output }: OutputOptions) => {
        const { body } = await api.get<Item>(`${collections[kind]}/${encodeURIComponent(name)}`);
        printItem(terminal, output, view, body);
      }),
    );

  addDocumentCommands(noun, terminal, kind);

  serviceCommand(noun, `delete <${word}>`, `delete a ${word} that nothing refers to; asks first`)
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'let the service check it and delete nothing')
    .action(
      asking(terminal, (api, name: string, options: { yes?: true; dryRun?: true }) => deleteObject(terminal, api, kind, name, options)),
    );
}

async function deleteObject(
  terminal: Terminal,
  api: ApiClient,
  kind: ObjectKind,
  name: string,
  { yes, dryRun }: { readonly yes?: true; readonly dryRun?: true },
): Promise<void> {
  const path = `${collections[kind]}/${encodeURIComponent(name)}`;
  const { etag } = await api.get(path);
  const title = printable(`${kind.toLowerCase()} ${name}`);
  if (dryRun !== true) await confirm(terminal, `Delete ${title}?`, yes);
  await api.request('DELETE', path, { ifMatch: etag, ...(dryRun === true && { query: { dryRun } }) });
  terminal.out(`${title} deleted\n`);
  if (dryRun === true) terminal.error('dry run: nothing was deleted\n');
}
