import type { Command } from 'commander';
import type { Assignment, BulkAssign, BulkIgnore, MachinePatch, MachineResource } from '../api/schemas/machine.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { changeMachines, describeAssignment } from './bulk-change.ts';
import { CliError } from './cli-error.ts';
import { confirm } from './confirmation.ts';
import { printable } from './printable.ts';
import { addSelectionOptions, collect, selectionHelp } from './selection.ts';
import type { SelectionOptions } from './selection.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** Adds `assign`, `release`, `ignore`, `unignore`, `delete` and `set`. */
export function addMachineChangeCommands(machine: Command, terminal: Terminal): void {
  const bulk = (usage: string, description: string): Command => addSelectionOptions(serviceCommand(machine, usage, description));

  bulk('assign [machine...]', 'give machines a profile and a role; one that waits is enrolled by it')
    .option('--name <name>', 'for a client that waits: the name that it gets')
    .option('--profile <profile>', 'what they boot from now on')
    .option('--role <role>', 'what they may host once they run')
    .option('--set-label <label=value>', 'a label to add or replace', collect)
    .addHelpText(
      'after',
      `${selectionHelp}

Examples:
  virtdom machine assign 52-54-00-00-00-01 --name post07 --profile dom0 --role farm
  virtdom machine assign 'node[01-20]' --profile dom0 --dry-run
  virtdom machine assign -l rack=a3 --role gateway --yes`,
    )
    .action(asking(terminal, (api, names: string[], options: AssignOptions) => assign(terminal, api, names, options)));

  bulk('release [machine...]', 'take profile and role away: machines are treated as their subnet treats unknown ones')
    .addHelpText('after', selectionHelp)
    .action(change({ action: 'release', body: {}, verb: 'release', done: 'released' }));

  bulk('ignore [machine...]', 'answer machines no more, whatever they ask for')
    .addHelpText('after', selectionHelp)
    .action(change({ action: 'ignore', body: { ignored: true } satisfies Partial<BulkIgnore>, verb: 'ignore', done: 'ignored' }));

  bulk('unignore [machine...]', 'answer machines again')
    .addHelpText('after', selectionHelp)
    .action(change({ action: 'ignore', body: { ignored: false } satisfies Partial<BulkIgnore>, verb: 'answer', done: 'answered again' }));

  bulk('delete [machine...]', 'delete machines and their leases, or forget clients that wait; asks first')
    .addHelpText('after', selectionHelp)
    .action(asking(terminal, (api, names: string[], options: SelectionOptions) => remove(terminal, api, names, options)));

  serviceCommand(machine, 'set <machine> [field=value...]', 'change single fields of a machine')
    .option('--dry-run', 'let the service check everything and change nothing')
    .addHelpText(
      'after',
      `
A field without a value is removed. Fields: name, uuid, profile, role, ignored, labels.NAME, parameters.NAME.
Network interfaces are changed with virtdom machine edit.

Examples:
  virtdom machine set post01 role=farm labels.rack=a4
  virtdom machine set post01 parameters.serial=ttyS1 labels.old=`,
    )
    .action(
      asking(terminal, (api, name: string, fields: string[], options: { dryRun?: true }) => set(terminal, api, name, fields, options)),
    );

  function change(what: Parameters<typeof changeMachines>[4]): (...given: unknown[]) => Promise<void> {
    return asking(terminal, async (api, names: string[], options: SelectionOptions) => {
      await changeMachines(terminal, api, names, options, what);
    });
  }
}

const waitingName = /^(?:[0-9a-f]{2}-){5}[0-9a-f]{2}$/i;

/** Clients that wait are no objects: each is forgotten by itself. */
async function remove(terminal: Terminal, api: ApiClient, names: readonly string[], options: SelectionOptions): Promise<void> {
  const { dryRun, yes } = options;
  for (const name of names.filter((each) => waitingName.test(each))) {
    const { body } = await api.get<MachineResource>(apiPath`/machines/${name}`);
    if (dryRun !== true) await confirm(terminal, body.known ? `Delete machine ${name}?` : `Forget ${name}, which waits?`, yes);
    await api.request('DELETE', apiPath`/machines/${name}`, dryRun === true ? { query: { dryRun } } : {});
    terminal.out(`${name} ${body.known ? 'deleted' : 'forgotten until it asks again'}\n`);
    if (dryRun === true) terminal.error('dry run: nothing was changed\n');
  }
  const machines = names.filter((each) => !waitingName.test(each));
  if (names.length > 0 && machines.length === 0) return;
  await changeMachines(terminal, api, machines, options, { action: 'delete', body: {}, verb: 'delete', done: 'deleted', dangerous: true });
}

interface AssignOptions extends SelectionOptions {
  readonly name?: string;
  readonly profile?: string;
  readonly role?: string;
  readonly setLabel?: readonly string[];
}

async function assign(terminal: Terminal, api: ApiClient, names: readonly string[], options: AssignOptions): Promise<void> {
  const { name, profile, role, setLabel } = options;
  const labels = setLabel === undefined ? undefined : Object.fromEntries(setLabel.map(readLabel));
  const assignment: Assignment & Partial<BulkAssign> = {
    ...(profile !== undefined && { profile }),
    ...(role !== undefined && { role }),
    ...(labels && { labels }),
  };
  if (Object.keys(assignment).length === 0 && name === undefined)
    throw new CliError('usage', 'say what the machines are to be: --profile, --role, --set-label or --name');
  if (name === undefined) {
    await changeMachines(terminal, api, names, options, { action: 'assign', body: assignment, verb: 'assign', done: 'assigned' });
    return;
  }
  const [only, second] = names;
  if (only === undefined || second !== undefined || /[[\],]/.test(only))
    throw new CliError('usage', '--name is for one machine: name exactly one, such as 52-54-00-00-00-01');
  const { body } = await api.post<MachineResource>(apiPath`/machines/${only}:assign`, {
    body: { ...assignment, name },
    ...(options.dryRun === true && { query: { dryRun: true } }),
  });
  terminal.out(`${printable(`${only} is ${body.name}${describeAssignment(body)}`)}\n`);
  if (options.dryRun === true) terminal.error('dry run: nothing was changed\n');
}

function readLabel(text: string): [string, string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new CliError('usage', `--set-label ${text}: expected NAME=VALUE`);
  return [name, value];
}

async function set(
  terminal: Terminal,
  api: ApiClient,
  name: string,
  fields: readonly string[],
  { dryRun }: { readonly dryRun?: true },
): Promise<void> {
  if (fields.length === 0) throw new CliError('usage', 'say what to change, such as role=farm or labels.rack=a4');
  const { body } = await api.request<MachineResource>('PATCH', apiPath`/machines/${name}`, {
    body: patchOf(fields),
    ...(dryRun === true && { query: { dryRun } }),
  });
  terminal.out(`${printable(`${body.name} changed${describeAssignment(body)}`)}\n`);
  if (dryRun === true) terminal.error('dry run: nothing was changed\n');
}

/** `labels.rack=a4` as a merge patch (RFC 7396): nothing behind the equals sign removes the field. */
export function patchOf(fields: readonly string[]): MachinePatch {
  const patch: Record<string, unknown> = {};
  for (const field of fields) {
    const [, group, key, text] = /^(?:(labels|parameters)\.)?([^=]+)=(.*)$/s.exec(field) ?? [];
    if (key === undefined || text === undefined) throw new CliError('usage', `${field}: expected FIELD=VALUE`);
    if (group === undefined && !['name', 'uuid', 'profile', 'role', 'ignored'].includes(key))
      throw new CliError('usage', `${key} is no field that can be set: name, uuid, profile, role, ignored, labels.NAME, parameters.NAME`);
    const value = text === '' ? null : group === 'parameters' || key === 'ignored' ? plainValue(text) : text;
    if (group === undefined) patch[key] = value;
    else patch[group] = { ...(patch[group] as object | undefined), [key]: value };
  }
  return patch;
}

/** What YAML would take the text for, as in a document. */
function plainValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
