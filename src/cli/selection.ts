import type { Command } from 'commander';
import type { Selection } from '../api/schemas/machine.ts';
import { CliError } from './cli-error.ts';

/** What commands take that change many machines at once. */
export interface SelectionOptions {
  readonly label?: readonly string[];
  readonly all?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly atomic?: true;
}

export const selectionHelp = `
Machines are named one by one, in ranges (node[01-20]), by label (-l rack=a3) or all together (--all). What is not named
letter by letter is shown before it is done, and asked about unless --yes is given.`;

export function addSelectionOptions(command: Command): Command {
  return command
    .option('-l, --label <label=value>', 'machines with this label, or NAME for any value; several labels must all fit', collect)
    .option('--all', 'all machines')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'let the service check everything and change nothing')
    .option('--atomic', 'all or nothing: one that cannot be done undoes the others');
}

export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Which machines a command line means. */
export function readSelection(names: readonly string[], { label, all }: SelectionOptions): Selection {
  const ways = [names.length > 0, label !== undefined, all === true].filter(Boolean).length;
  if (ways === 0) throw new CliError('usage', 'say which machines: by name, by range (node[01-20]), with -l LABEL=VALUE or with --all');
  if (ways > 1) throw new CliError('usage', 'say which machines in one way: by name, with -l or with --all');
  if (all === true) return { all };
  if (label !== undefined) return { labels: [...label] };
  return names.some((name) => /[[\],]/.test(name)) ? { hostlist: names.join(',') } : { names: [...new Set(names)] };
}

/** Whether every machine was typed letter by letter. */
export function isByName(selection: Selection): boolean {
  return selection.names !== undefined;
}
