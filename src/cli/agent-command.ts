import type { Command } from 'commander';
import type { CommandResource, CommandSummary } from '../api/schemas/command.ts';
import { apiPath } from './api-client.ts';
import { formatAge, formatTime, parseCount } from './duration.ts';
import { formatFields } from './field-lines.ts';
import { outputOption, printItem, printItems, yamlText } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Tone } from './table.ts';
import type { Terminal } from './terminal.ts';

const tones: Readonly<Partial<Record<CommandSummary['state'], Tone>>> = { failed: 'bad', expired: 'warning', done: 'good' };

function commandView(nowMs: number): View<CommandSummary> {
  return {
    columns: [
      { head: 'ID', cell: ({ id }) => id },
      { head: 'HOST', cell: ({ host }) => host },
      { head: 'COMMAND', cell: ({ command }) => command },
      { head: 'VM', cell: ({ vm }) => vm },
      { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => tones[state] },
      { head: 'SINCE', cell: ({ since }) => formatAge(since, nowMs), align: 'right' },
      { head: 'SENT', cell: ({ times }) => times, align: 'right', wide: true },
      { head: 'BOOT', cell: ({ boot }) => boot, align: 'right', wide: true },
      { head: 'SESSION', cell: ({ session }) => session, align: 'right', wide: true },
      { head: 'BY', cell: ({ author }) => author },
      { head: 'REASON', cell: ({ reason }) => reason },
    ],
    name: ({ id }) => id,
    empty: 'no command fits',
  };
}

function commandDetailView(nowMs: number): View<CommandResource> {
  return {
    ...commandView(nowMs),
    detail: ({ id, host, command, vm, state, reason, since, author, createdAt, sentAt, times, boot, session, expiresAt, args, result }) =>
      formatFields([
        ['id', id],
        ['command', `${command}${vm === undefined ? '' : ` ${vm}`} on ${host}, its boot ${boot}, session ${session}`],
        ['state', `${state} since ${formatTime(since)} (${formatAge(since, nowMs)}): ${reason}`],
        ['by', `${author} at ${formatTime(createdAt)}`],
        ['sent', sentAt && `${times} times, last at ${formatTime(sentAt)}`],
        ['expires', formatTime(expiresAt)],
      ]) + yamlText({ args, ...(result !== undefined && { result }) }),
  };
}

interface ListOptions extends OutputOptions {
  readonly host?: string;
  readonly vm?: string;
  readonly state?: string;
  readonly search?: string;
  readonly limit: number;
}

/** Adds `virtdom command …`: what agents were told to do. */
export function addAgentCommandCommands(program: Command, terminal: Terminal): void {
  const noun = program.command('command').description('see what agents were told to do, and take it back');
  const now = (): number => terminal.now?.() ?? Date.now();

  serviceCommand(noun, 'list', 'list commands, the newest first')
    .option('--host <host>', 'to this host')
    .option('--vm <vm>', 'about this VM')
    .option('--state <states>', 'queued, sent, done, failed, expired or cancelled; several with commas between')
    .option('-q, --search <text>', 'a text in the number, the command, the host, the VM or the reason')
    .option('--limit <count>', 'the newest so many', parseCount, 50)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { host, vm, state, search: q, limit, output }: ListOptions) => {
        printItems(terminal, output, commandView(now()), await api.list<CommandSummary>('/commands', { host, vm, state, q }, limit));
      }),
    );

  serviceCommand(noun, 'get <command-id>', 'show a command with what it was given and what its agent answered')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, id: string, { output }: OutputOptions) => {
        printItem(terminal, output, commandDetailView(now()), (await api.get<CommandResource>(apiPath`/commands/${id}`)).body);
      }),
    );

  serviceCommand(noun, 'cancel <command-id>', 'take a command back that its agent has not begun')
    .option('--dry-run', 'let the service check it and change nothing')
    .action(
      asking(terminal, async (api, id: string, { dryRun }: { dryRun?: true }) => {
        const { body } = await api.post<CommandResource>(apiPath`/commands/${id}:cancel`, { query: { dryRun } });
        terminal.out(`${printable(`${body.id} ${body.state}`)}\n`);
        if (dryRun === true) terminal.error('dry run: nothing was changed\n');
      }),
    );
}
