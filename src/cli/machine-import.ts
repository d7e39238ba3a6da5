import { Argument, type Command } from 'commander';
import type { ImportRequest, ImportResult } from '../api/schemas/apply.ts';
import type { ApiClient } from './api-client.ts';
import { summarizeChanges } from './applied-changes.ts';
import { CliError } from './cli-error.ts';
import { readText } from './document-source.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

const formats = ['csv', 'dnsmasq', 'isc', 'kea'] as const;

interface ImportOptions {
  readonly profile?: string;
  readonly role?: string;
  readonly update?: true;
  readonly strict?: true;
  readonly dryRun?: true;
}

/** Adds `virtdom machine import`. */
export function addMachineImportCommand(machine: Command, terminal: Terminal): void {
  serviceCommand(machine, 'import', 'take machines over from a file of another system')
    .addArgument(new Argument('<format>', 'whose file').choices([...formats]))
    .argument('<file>', 'the file; - for standard input')
    .option('--profile <profile>', 'what machines get that name no profile')
    .option('--role <role>', 'what machines get that name no role')
    .option('--update', 'also change machines that are there')
    .option('--strict', 'take nothing over unless everything is understood')
    .option('--dry-run', 'let the service read it and take nothing over')
    .addHelpText(
      'after',
      `
What was not understood is told line by line. Formats:
  csv      a head line with name, mac and any of address, uuid, profile, role, labels.NAME
  dnsmasq  dhcp-host lines
  isc      host {} blocks of dhcpd.conf
  kea      reservations of a Kea DHCPv4 configuration

Example:
  virtdom machine import isc /etc/dhcp/dhcpd.conf --profile dom0 --dry-run`,
    )
    .action(
      asking(terminal, (api, format: (typeof formats)[number], file: string, options: ImportOptions) =>
        importMachines(terminal, api, format, file, options),
      ),
    );
}

async function importMachines(
  terminal: Terminal,
  api: ApiClient,
  format: (typeof formats)[number],
  file: string,
  { profile, role, update, strict, dryRun }: ImportOptions,
): Promise<void> {
  const name = file === '-' ? 'standard input' : file;
  const body: ImportRequest = {
    format,
    text: await readText(terminal, file),
    file: name,
    ...(profile !== undefined && { profile }),
    ...(role !== undefined && { role }),
    ...(update === true && { update }),
  };
  const ask = async (dry: boolean): Promise<ImportResult> =>
    (await api.post<ImportResult>('/machines:import', { body, ...(dry && { query: { dryRun: true } }) })).body;
  let result = await ask(dryRun === true || strict === true);
  const { notUnderstood } = result;
  if (strict === true && dryRun !== true && notUnderstood.length === 0) result = await ask(false);
  for (const { line, text, detail } of notUnderstood) {
    const place = line === 0 ? name : `${name}:${line}`;
    terminal.error(`${printable(`${place}: ${detail}${text === undefined ? '' : `: ${text}`}`)}\n`);
  }
  summarizeChanges(terminal, result);
  if (notUnderstood.length > 0)
    terminal.error(`${notUnderstood.length} ${notUnderstood.length === 1 ? 'thing was' : 'things were'} not understood\n`);
  if (strict === true && notUnderstood.length > 0) throw new CliError('failed', 'nothing was taken over, since --strict was given');
}
