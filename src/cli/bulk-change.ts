import type { BulkResult } from '../api/schemas/bulk.ts';
import type { Bulk, MachineResource, Selection } from '../api/schemas/machine.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { confirm } from './confirmation.ts';
import { printable } from './printable.ts';
import { isByName, readSelection } from './selection.ts';
import type { SelectionOptions } from './selection.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

type BulkItem = BulkResult['items'][number];

/** As many as a request may name. */
const mostNames = 10_000;

/** One action on many machines. */
export interface BulkChange {
  /** Of the route: `/machines:assign`. */
  readonly action: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** `delete`, as in "delete 3 machines?". */
  readonly verb: string;
  /** `deleted`, as in "post01 deleted". */
  readonly done: string;
  /** Also asks where the machines were named letter by letter. */
  readonly dangerous?: true;
}

/**
 * Shows what it will touch and asks where that is due, does it, and tells of each machine what became of it. Throws where
 * one was refused, with the exit code that fits. Returns the machines that were changed.
 */
export async function changeMachines(
  terminal: Terminal,
  api: ApiClient,
  names: readonly string[],
  options: SelectionOptions,
  change: BulkChange,
): Promise<readonly string[]> {
  let select = readSelection(names, options);
  if (options.yes !== true && options.dryRun !== true && (change.dangerous === true || !isByName(select))) {
    const preview = await send(api, select, options, change, true);
    if (preview.done > 0 || preview.refused === 0) {
      terminal.error(describePreview(terminal, preview, change));
      if (preview.done > 0) await confirm(terminal, questionFor(preview, change), undefined);
      // What was shown is done, and nothing that came up since.
      if (preview.items.length <= mostNames) select = { names: preview.items.map(({ name }) => name) };
    }
  }
  const result = await send(api, select, options, change, options.dryRun === true);
  report(terminal, result, change);
  return result.items.filter(({ outcome }) => outcome === 'done').map(({ name }) => name);
}

async function send(
  api: ApiClient,
  select: Selection,
  { atomic }: SelectionOptions,
  { action, body }: BulkChange,
  dryRun: boolean,
): Promise<BulkResult> {
  const wanted: Bulk = { select, ...(atomic === true && { atomic }) };
  const { body: result } = await api.post<BulkResult>(`/machines:${action}`, {
    ...(dryRun && { query: { dryRun: true } }),
    body: { ...wanted, ...body },
  });
  if (result.items.length === 0)
    throw new CliError('notFound', `no machine fits ${describeSelection(select)}`, 'virtdom machine list shows all');
  return result;
}

function describePreview(terminal: Terminal, { items }: BulkResult, { verb }: BulkChange): string {
  const rows = items.map(({ name, outcome, machine, problem }) =>
    [name, machine?.state, machine?.profile, machine?.role, outcome === 'done' ? `will ${verb}` : (problem?.detail ?? outcome)].map(
      (text) => ({
        text: text ?? '',
      }),
    ),
  );
  const heads = ['NAME', 'STATE', 'PROFILE', 'ROLE', 'OUTCOME'].map((head) => ({ head }));
  return `${formatTable(heads, rows, { columns: terminal.columns }).join('\n')}\n`;
}

function questionFor({ items, done, atomic }: BulkResult, { verb }: BulkChange): string {
  const machines = done === 1 ? `machine ${items.find(({ outcome }) => outcome === 'done')?.name}` : `${done} machines`;
  const left = items.length - done;
  const rest = left === 0 ? '' : atomic ? ` (all or nothing: ${left} stand in the way)` : ` (and leave ${left} as they are)`;
  return printable(`${capital(verb)} ${machines}${rest}?`);
}

function report(terminal: Terminal, result: BulkResult, change: BulkChange): void {
  const { items, dryRun, done, unchanged, refused } = result;
  for (const item of items) {
    const line = `${printable(describeItem(item, change))}\n`;
    if (item.outcome === 'done' || item.outcome === 'unchanged') terminal.out(line);
    else terminal.error(line);
  }
  if (dryRun) terminal.error('dry run: nothing was changed\n');
  if (items.length > 1) terminal.error(`${done} ${change.done}, ${unchanged} unchanged, ${refused} refused${undone(items)}\n`);
  const failures = items.filter(({ outcome }) => outcome === 'refused');
  if (failures.length > 0) throw refusal(failures, change);
}

function undone(items: readonly BulkItem[]): string {
  const { length } = items.filter(({ outcome }) => outcome === 'undone');
  return length === 0 ? '' : `, ${length} undone because of them`;
}

function describeItem({ name, outcome, machine, problem }: BulkItem, { done }: BulkChange): string {
  if (outcome === 'done') return `${name} ${done}${machine === undefined ? '' : describeAssignment(machine)}`;
  if (outcome === 'unchanged') return `${name} unchanged`;
  return `${name} ${outcome}: ${problem?.detail ?? problem?.title ?? 'another one was refused'}`;
}

export function describeAssignment({ profile, role, state, oneShot }: MachineResource): string {
  const parts = [
    ...(profile === undefined ? [] : [`profile ${profile}`]),
    ...(role === undefined ? [] : [`role ${role}`]),
    ...(oneShot === undefined ? [] : [`once ${oneShot.profile}`]),
    state,
  ];
  return ` (${parts.join(', ')})`;
}

/** One exit code for all that were refused: their own where they agree. */
function refusal(failures: readonly BulkItem[], { verb }: BulkChange): CliError {
  const statuses = new Set(failures.map(({ status }) => status));
  const [status] = statuses;
  const all = (...those: number[]): boolean => [...statuses].every((each) => those.includes(each));
  const reason = status === undefined || (!all(404) && !all(409, 412)) ? 'failed' : all(404) ? 'notFound' : 'conflict';
  const names = failures.slice(0, 5).map(({ name }) => name);
  const more = failures.length > names.length ? ` and ${failures.length - names.length} more` : '';
  return new CliError(reason, `cannot ${verb} ${names.join(', ')}${more}`);
}

function describeSelection({ names, hostlist, labels }: Selection): string {
  if (names !== undefined) return names.join(', ');
  return hostlist ?? (labels === undefined ? '--all' : labels.map((label) => `-l ${label}`).join(' '));
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
