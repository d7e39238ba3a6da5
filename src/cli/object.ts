import type { Command } from 'commander';
import type { ProfileResource } from '../api/schemas/profile.ts';
import type { SubnetResource } from '../api/schemas/subnet.ts';
import type { ApiClient } from './api-client.ts';
import { confirm } from './confirmation.ts';
import { formatTime, parseCount } from './duration.ts';
import type { ObjectKind } from '../machines/object-schemas.ts';
import { applyFile } from './apply.ts';
import { readFields } from './field-changes.ts';
import { addDocumentCommands, changeDocument } from './object-documents.ts';
import { collections, withArticle } from './object-kinds.ts';
import { outputOption, printItem, printItems, yamlText } from './output.ts';
import type { Column, OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** An object as every kind is shown. */
export interface Changed {
  readonly name: string;
  readonly revision: number;
  readonly updatedAt?: string;
  readonly updatedBy?: string;
}

export const changedColumns: readonly Column<Changed>[] = [
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

interface ListOptions extends OutputOptions {
  readonly search?: string;
  readonly state?: string;
  readonly sort?: string;
  readonly limit?: number;
}

/** What a kind of object has that others have not. */
interface ObjectCommands {
  /** States that a list is filtered by, in words for `--help`. */
  readonly states?: string;
  /** What a list is sorted by, beside name and updatedAt. */
  readonly sorts?: readonly string[];
}

/** Adds the verbs that every kind of object has, which is read and written as a whole. Returns the noun. */
export function addObjectCommands<Item extends Changed>(
  program: Command,
  terminal: Terminal,
  kind: ObjectKind,
  description: string,
  view: View<Item>,
  { states, sorts = [] }: ObjectCommands = {},
): Command {
  const word = kind.toLowerCase();
  const noun = program.command(word).description(description);

  const list = serviceCommand(noun, 'list', `list ${word}s`)
    .option('-q, --search <text>', 'a text in the name and what else names it')
    .option('--sort <field>', `${['name', 'updatedAt', ...sorts].join(', ')}; falling with a dash before it`)
    .option('--limit <count>', 'at most so many', parseCount)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { search: q, state, sort, limit, output }: ListOptions) => {
        printItems(terminal, output, view, await api.list<Item>(collections[kind], { q, state, sort }, limit));
      }),
    );
  if (states !== undefined) list.option('--state <states>', `${states}; several with commas between`);

  serviceCommand(noun, `get <${word}>`, `show ${withArticle(word)}`)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { output }: OutputOptions) => {
        const { body } = await api.get<Item>(`${collections[kind]}/${encodeURIComponent(name)}`);
        printItem(terminal, output, view, body);
      }),
    );

  addDocumentCommands(noun, terminal, kind);

  serviceCommand(noun, 'apply', `make ${word}s as they are written in a file: what is missing is added, what differs is changed`)
    .requiredOption('-f, --file <file>', `${word}s as YAML or JSON; - for standard input`)
    .option('--dry-run', 'let the service check everything and change nothing')
    .action(asking(terminal, (api, options: { file: string; dryRun?: true }) => applyFile(terminal, api, { ...options, only: kind })));

  serviceCommand(noun, `set <${word}> [field=value...]`, `change single fields of ${withArticle(word)}`)
    .option('--dry-run', 'let the service check it and change nothing')
    .addHelpText(
      'after',
      `
A field inside another one has a dot before its name; values are read as YAML. A field without a value is removed.

Example:
  virtdom ${word} set NAME ${kind === 'Environment' ? 'memoryMib=768 constraints.labels.rack=a3' : 'name.of.field=value'}`,
    )
    .action(
      asking(terminal, (api, name: string, fields: string[], { dryRun }: { dryRun?: true }) =>
        changeDocument(terminal, api, { kind, name, dryRun: dryRun === true }, readFields(fields)),
      ),
    );

  serviceCommand(noun, `delete <${word}>`, `delete ${withArticle(word)} that nothing refers to; asks first`)
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'let the service check it and delete nothing')
    .action(
      asking(terminal, (api, name: string, options: { yes?: true; dryRun?: true }) => deleteObject(terminal, api, kind, name, options)),
    );
  return noun;
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
