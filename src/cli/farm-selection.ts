import type { Command } from 'commander';
import { expandHostlist } from '../machines/hostlist.ts';
import type { ApiClient, Query } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { collect } from './selection.ts';

/** What commands take that change several hosts or VMs. */
export interface EachOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}

export interface HostChoice extends EachOptions {
  readonly label?: readonly string[];
  readonly role?: string;
}

export interface VmChoice extends EachOptions {
  readonly environment?: string;
  readonly host?: string;
  readonly state?: string;
}

/** Which hosts or VMs a command line means. */
export interface Chosen {
  readonly names: readonly string[];
  /** Whether each was typed letter by letter. */
  readonly byName: boolean;
}

export const hostChoiceHelp = `
Hosts are named one by one, in ranges (node[01-20]), by a label of their machines (-l rack=a3) or all together (--all). What is
not named letter by letter is shown before it is done, and asked about unless --yes is given. One that is refused does not keep the
others back.`;

export const vmChoiceHelp = `
VMs are named one by one, in ranges (worker-[1-8]), by their environment, host and state, or all together (--all). What is not
named letter by letter is shown before it is done, and asked about unless --yes is given. Each is asked for by itself: one that is
refused does not keep the others back.`;

export function addHostChoice(command: Command): Command {
  const labelled = command.option(
    '-l, --label <label=value>',
    'hosts whose machine has this label, or NAME for any value; several labels must all fit',
    collect,
  );
  return addEachOptions(labelled, 'all hosts');
}

export function addVmChoice(command: Command): Command {
  const filtered = command
    .option('--environment <environment>', 'VMs of this environment')
    .option('--host <host>', 'VMs with a claim of this host')
    .option('--state <states>', 'VMs in this state, or in several with commas');
  return addEachOptions(filtered, 'all VMs');
}

function addEachOptions(command: Command, all: string): Command {
  return command
    .option('--all', all)
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'let the service check each of them and change nothing');
}

export function chooseHosts(api: ApiClient, names: readonly string[], { label, role, all }: HostChoice): Promise<Chosen> {
  const filter = { label: label?.join(','), role };
  const said = [...(label ?? []).map((each) => `-l ${each}`), ...(role === undefined ? [] : [`--role ${role}`])];
  return choose(api, { path: '/hosts', what: 'host', filters: '-l LABEL=VALUE', example: 'node[01-20]' }, names, { filter, said, all });
}

export function chooseVms(api: ApiClient, names: readonly string[], { environment, host, state, all }: VmChoice): Promise<Chosen> {
  const filter = { environment, host, state };
  const said = Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]));
  const filters = '--environment, --host or --state';
  return choose(api, { path: '/vms', what: 'VM', filters, example: 'worker-[1-8]' }, names, { filter, said, all });
}

interface Kind {
  readonly path: string;
  readonly what: string;
  readonly filters: string;
  readonly example: string;
}

interface Choice {
  readonly filter: Query;
  /** The filter as it was typed. */
  readonly said: readonly string[];
  readonly all: true | undefined;
}

async function choose(
  api: ApiClient,
  { path, what, filters, example }: Kind,
  names: readonly string[],
  { filter, said, all }: Choice,
): Promise<Chosen> {
  const ways = [names.length > 0, said.length > 0, all === true].filter(Boolean).length;
  if (ways === 0) throw new CliError('usage', `say which ${what}s: by name, by range (${example}), with ${filters}, or with --all`);
  if (ways > 1) throw new CliError('usage', `say which ${what}s in one way: by name, with ${filters}, or with --all`);
  if (names.length > 0) return readNames(names);
  const found = await api.list<{ readonly name: string }>(path, filter);
  if (found.length > 0) return { names: found.map(({ name }) => name), byName: false };
  throw new CliError(
    'notFound',
    `no ${what} fits ${all === true ? '--all' : said.join(' ')}`,
    `virtdom ${what.toLowerCase()} list shows all`,
  );
}

function readNames(names: readonly string[]): Chosen {
  if (!names.some((name) => /[[\],]/.test(name))) return { names: [...new Set(names)], byName: true };
  const expanded = expandHostlist(names.join(','));
  if (expanded.kind === 'wrong') throw new CliError('usage', expanded.reason);
  return { names: expanded.names, byName: false };
}
