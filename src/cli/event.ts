import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { EventResource } from '../api/schemas/event.ts';
import type { ApiClient, Query } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { parseCount, parseMoment } from './duration.ts';
import { followEvents } from './event-stream.ts';
import { eventView } from './event-view.ts';
import { ItemStream, outputOption, printItems } from './output.ts';
import type { OutputOptions } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface FilterOptions extends OutputOptions {
  readonly kind?: string;
  readonly machine?: string;
  readonly boot?: string;
  readonly severity?: string;
  readonly search?: string;
}

/** Adds `virtdom event list|watch`. */
export function addEventCommands(program: Command, terminal: Terminal): void {
  const event = program.command('event').description('see what happened, and what happens');
  const filtered = (usage: string, description: string): Command =>
    serviceCommand(event, usage, description)
      .option('--kind <kinds>', "kinds such as boot.stuck, or all of a noun: 'boot.*'; several with commas between")
      .option('-m, --machine <machine>', 'about this machine')
      .option('--boot <boot>', 'about this boot')
      .addOption(new Option('--severity <severity>', 'this one and worse').choices(['debug', 'info', 'warning', 'error']))
      .option('-q, --search <text>', 'a text in the kind, the machine or the details')
      .addOption(outputOption());

  filtered('list', 'list events, the newest last')
    .option('--since <time>', 'not before this time, or for so long: 2h', parseMoment)
    .option('--until <time>', 'not after this time', parseMoment)
    .option('--limit <count>', 'the newest so many', parseCount, 100)
    .addHelpText('after', '\nExample:\n  virtdom event list --severity warning --since 12h')
    .action(asking(terminal, (api, options: ListOptions) => list(terminal, api, options)));

  filtered('watch', 'show events as they happen, until Ctrl-C')
    .option('--after <number>', 'begin behind the event of this number', parseNumber)
    .addHelpText('after', "\nExample:\n  virtdom event watch --kind 'boot.*' -m post01")
    .action(asking(terminal, (api, options: FilterOptions & { after?: number }) => watch(terminal, api, options)));
}

interface ListOptions extends FilterOptions {
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

async function list(terminal: Terminal, api: ApiClient, options: ListOptions): Promise<void> {
  const { since, until, limit } = options;
  const events = await api.list<EventResource>('/events', { ...filterQuery(options), since, until }, limit);
  printItems(terminal, options.output, eventView, events.toReversed());
  if (events.length === limit) terminal.error(`the newest ${limit}; --limit shows more\n`);
}

async function watch(terminal: Terminal, api: ApiClient, options: FilterOptions & { readonly after?: number }): Promise<void> {
  const stream = new ItemStream(terminal, options.output, eventView);
  const after = options.after === undefined ? undefined : String(options.after);
  for await (const event of liveEvents(terminal, api, filterQuery(options), after)) {
    stream.print(event);
    await terminal.drained?.();
  }
}

/** The events that fit, as they happen; tells on standard error where the connection broke and where some were missed. */
export async function* liveEvents(
  terminal: Terminal,
  api: ApiClient,
  query: Query,
  after?: string,
  signal?: AbortSignal,
): AsyncGenerator<EventResource, void> {
  let broken = false;
  const onState = (state: 'open' | 'broken', reason: string): void => {
    if (state === 'broken' && !broken) terminal.error(`connection lost (${reason}); trying again\n`);
    if (state === 'open' && broken) terminal.error('connected again\n');
    broken = state === 'broken';
  };
  const messages = followEvents(api, '/events/stream', { query, after, onState, ...(signal !== undefined && { signal }) });
  for await (const { event, data } of messages) {
    if (event === 'reset') terminal.error('some events were missed here: virtdom event list has them as long as they are kept\n');
    else {
      yield parseEvent(data);
    }
  }
}

function parseEvent(data: string): EventResource {
  try {
    return JSON.parse(data) as EventResource;
  } catch (error) {
    throw new CliError('failed', 'the service sent an event that is not valid JSON', undefined, { cause: error });
  }
}

function filterQuery({ kind, machine, boot, severity, search }: FilterOptions): Query {
  return { kind, machine, attempt: boot, severity, q: search };
}

function parseNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected the number of an event.');
}
