import type { ApiProblem } from './api-problem.ts';
import { CliError, exitCodes } from './cli-error.ts';
import type { Column } from './output.ts';
import { printable } from './printable.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

const mostNotes = 40;

/** What is done to several hosts or VMs: the manager decides, and the audit log tells, of each. */
export interface EachChange<Resource> {
  readonly noun: 'host' | 'VM';
  /** `drain`, as in "drain 3 hosts?". */
  readonly verb: string;
  /** `be drained`, as in "post01 will be drained". */
  readonly will: string;
  /** `is drained`, behind its name. */
  readonly done: string;
  /** `drained`, as in "3 drained, 1 refused". */
  readonly counted: string;
  /** Where the names were typed letter by letter: whether it asks all the same. */
  readonly asks: 'always' | 'for-several' | 'never';
  /** Behind the question: ` and all that runs there`. */
  readonly aside?: string;
  readonly columns: readonly Column<Resource>[];
  readonly send: (name: string, dryRun: true | undefined) => Promise<Resource>;
  /** Where several are one request: what became of each, in the order of the names. Without it each is a request of its own. */
  readonly sendAll?: (names: readonly string[], dryRun: true | undefined) => Promise<readonly Outcome<Resource>[]>;
}

export interface Told {
  readonly notes?: readonly string[];
}

export type Outcome<Resource> =
  | { readonly kind: 'done'; readonly name: string; readonly resource: Resource }
  | { readonly kind: 'refused'; readonly name: string; readonly error: ApiProblem }
  /** No answer came: it may have been done. */
  | { readonly kind: 'unknown'; readonly name: string; readonly error: unknown }
  /** Not begun, after one of which nobody knows. */
  | { readonly kind: 'left'; readonly name: string };

export function describePreview<Resource extends Told>(
  terminal: Terminal,
  preview: readonly Outcome<Resource>[],
  { columns, will }: EachChange<Resource>,
): string {
  const rows = preview.map((outcome) => {
    const cells = columns.map(({ cell }) => (outcome.kind === 'done' ? String(cell(outcome.resource) ?? '') : ''));
    return [outcome.name, ...cells, outcome.kind === 'done' ? `will ${will}` : reasonOf(outcome)].map((text) => ({ text }));
  });
  const heads = [{ head: 'NAME' }, ...columns.map(({ head, align }) => ({ head, align })), { head: 'OUTCOME' }];
  const notes = preview.flatMap((each) => (each.kind === 'done' ? (each.resource.notes ?? []).map((note) => `${each.name}: ${note}`) : []));
  const rest = notes.length - mostNotes;
  const lines = [
    ...formatTable(heads, rows, { columns: terminal.columns }),
    ...notes.slice(0, mostNotes).map((note) => printable(note)),
    ...(rest > 0 ? [`and ${rest} more lines: --dry-run shows all`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

export function questionFor<Resource>(
  able: readonly Outcome<Resource>[],
  left: number,
  { noun, verb, aside = '' }: EachChange<Resource>,
): string {
  const what = able.length === 1 ? `${noun} ${able[0]?.name}` : `${able.length} ${noun}s`;
  const rest = left === 0 ? '' : ` (and leave ${left} as they are)`;
  return printable(`${verb.charAt(0).toUpperCase()}${verb.slice(1)} ${what}${aside}${rest}?`);
}

export function tell<Resource extends Told>(
  terminal: Terminal,
  outcome: Outcome<Resource>,
  { done }: EachChange<Resource>,
  several: boolean,
): void {
  const { name } = outcome;
  if (outcome.kind !== 'done') return terminal.error(`${printable(`${name} ${reasonOf(outcome)}`)}\n`);
  terminal.out(`${printable(`${name} ${done}`)}\n`);
  for (const note of outcome.resource.notes ?? []) terminal.error(`${printable(several ? `${name}: ${note}` : note)}\n`);
}

function reasonOf(outcome: Exclude<Outcome<unknown>, { kind: 'done' }>): string {
  if (outcome.kind === 'left') return 'left as it is: the service had not answered for one before it';
  const text = outcome.error instanceof Error ? outcome.error.message : String(outcome.error);
  return outcome.kind === 'refused' ? `refused: ${text}` : `may be done or not: ${text}`;
}

export function summaryOf<Resource>(outcomes: readonly Outcome<Resource>[], { counted }: EachChange<Resource>): string {
  const count = (wanted: Outcome<Resource>['kind']): number => outcomes.filter(({ kind }) => kind === wanted).length;
  const [unknown, left] = [count('unknown'), count('left')];
  const parts = [`${count('done')} ${counted}`, `${count('refused')} refused`];
  return [...parts, ...(unknown === 0 ? [] : [`${unknown} unknown`]), ...(left === 0 ? [] : [`${left} not begun`])].join(', ');
}

/** One error for all that went wrong: with their own exit code, and what to do next, where they agree. */
export function failureOf<Resource>(outcomes: readonly Outcome<Resource>[], { verb }: EachChange<Resource>, single: boolean): unknown {
  const unknown = outcomes.find((each) => each.kind === 'unknown');
  if (unknown !== undefined) return unknown.error;
  const refused = outcomes.flatMap((each) => (each.kind === 'refused' ? [each] : []));
  const [first] = refused;
  if (first === undefined || single) return first?.error;
  const agree = refused.every(({ error }) => error.exitCode === first.error.exitCode);
  const reason =
    agree && first.error.exitCode === exitCodes.notFound
      ? 'notFound'
      : agree && first.error.exitCode === exitCodes.conflict
        ? 'conflict'
        : 'failed';
  const names = refused.slice(0, 5).map(({ name }) => name);
  const more = refused.length > names.length ? ` and ${refused.length - names.length} more` : '';
  const next = refused.every(({ error }) => error.next === first.error.next) ? first.error.next : undefined;
  return new CliError(reason, `cannot ${verb} ${names.join(', ')}${more}`, next);
}
