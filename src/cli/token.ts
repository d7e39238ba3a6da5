import { Option } from 'commander';
import type { Command } from 'commander';
import type { TokenCreate, TokenCreated, TokenResource } from '../api/schemas/token.ts';
import { apiPath } from './api-client.ts';
import { confirm } from './confirmation.ts';
import { formatTime, parseSeconds } from './duration.ts';
import { outputOption, printItems } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { collect } from './selection.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

const tokenView: View<TokenResource> = {
  columns: [
    { head: 'TOKEN', cell: ({ id }) => id },
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'OWNER', cell: ({ owner }) => owner },
    { head: 'ROLE', cell: ({ role }) => role },
    { head: 'SCOPES', cell: ({ scopes }) => (scopes.length === 0 ? 'all' : scopes.join(',')) },
    { head: 'ENDS (UTC)', cell: ({ expiresAt }) => formatTime(expiresAt) },
    { head: 'LAST USED', cell: ({ lastUsedAt }) => formatTime(lastUsedAt) ?? 'never' },
    { head: 'MADE (UTC)', cell: ({ createdAt }) => formatTime(createdAt), wide: true },
  ],
  name: ({ id }) => id,
  empty: 'there is no token: virtdom token create NAME makes one',
};

interface CreateOptions {
  readonly role?: TokenCreate['role'];
  readonly scope?: string[];
  readonly expires: number;
}

/** Adds `virtdom token list|create|delete`. */
export function addTokenCommands(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('see and make tokens for programs');

  serviceCommand(token, 'list', 'list tokens')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { output }: OutputOptions) => {
        printItems(terminal, output, tokenView, await api.list<TokenResource>('/tokens'));
      }),
    );

  serviceCommand(token, 'create <name>', 'make a token and print it: this once, and never again')
    .addOption(new Option('--role <role>', 'what it may do, at most what you may').choices(['viewer', 'operator', 'admin']))
    .option('--scope <noun:read|write>', 'confine it to a noun of the API, such as machines:read', collect)
    .option('--expires <time>', 'how long it lives, at most a year', parseSeconds, 90 * 86_400)
    .addHelpText(
      'after',
      `
Example:
  (umask 077; virtdom token create ci --role operator --scope machines:write > ci.token)
  VIRTDOM_TOKEN=$(cat ci.token) virtdom machine list`,
    )
    .action(
      asking(terminal, async (api, name: string, { role, scope, expires }: CreateOptions) => {
        const body: TokenCreate = { name, expiresInSeconds: expires, ...(role && { role }), ...(scope && { scopes: scope }) };
        const { body: made } = await api.post<TokenCreated>('/tokens', { body });
        terminal.error(`${printable(`token ${made.id} (${made.role}), until ${formatTime(made.expiresAt)} UTC`)}\n`);
        terminal.out(`${printable(made.token)}\n`);
      }),
    );

  serviceCommand(token, 'delete <token>', 'delete a token: what uses it is locked out; asks first')
    .option('-y, --yes', 'do not ask')
    .action(
      asking(terminal, async (api, id: string, { yes }: { yes?: true }) => {
        await confirm(terminal, `Delete token ${printable(id)}?`, yes);
        await api.request('DELETE', apiPath`/tokens/${id}`);
        terminal.out(`token ${printable(id)} deleted\n`);
      }),
    );
}
