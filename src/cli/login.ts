import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { SessionResource } from '../api/schemas/session.ts';
import type { TokenCreate, TokenCreated } from '../api/schemas/token.ts';
import { formatApiAddress, isPrivate } from './api-address.ts';
import { ApiClient, apiPath } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { CliError } from './cli-error.ts';
import { credentialFile, keepToken, keptToken } from './credential-file.ts';
import { formatTime, parseSeconds } from './duration.ts';
import { formatFields } from './field-lines.ts';
import { outputOption, printItem } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { readPassword } from './password.ts';
import { asking, findService, serviceCommand } from './service-command.ts';
import type { ServiceOptions } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface LoginOptions extends ServiceOptions {
  readonly passwordStdin?: true;
  readonly expires: number;
}

/** Adds `virtdom login`. */
export function addLoginCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'login [user]', 'log in: a token of yours is made and kept for this service')
    .option('--password-stdin', 'read the password from standard input')
    .option('--expires <time>', 'how long it lasts', parseSeconds, 12 * 3600)
    .addHelpText('after', '\nExample:\n  virtdom login anna --server https://boot.lab.example:8443')
    .action((user: string | undefined, options: LoginOptions) => login(terminal, user, options));
}

/** Adds `virtdom logout`. */
export function addLogoutCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'logout', 'log out: the kept token is deleted, here and at the service').action((options: ServiceOptions) =>
    logout(terminal, options),
  );
}

const sessionView: View<SessionResource> = {
  columns: [
    { head: 'WHO', cell: ({ actor }) => actor },
    { head: 'ROLE', cell: ({ role }) => role },
    { head: 'VIA', cell: ({ via }) => via },
  ],
  name: ({ actor }) => actor,
  detail: ({ actor, role, via, scopes, expiresAt }) =>
    formatFields([
      ['who', actor],
      ['role', role],
      ['via', via],
      ['scopes', scopes.join(', ')],
      ['until', formatTime(expiresAt)],
    ]),
};

/** Adds `virtdom whoami`. */
export function addWhoamiCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'whoami', 'say as whom the service sees you')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { output }: OutputOptions) => {
        printItem(terminal, output, sessionView, (await api.get<SessionResource>('/session')).body);
      }),
    );
}

async function login(terminal: Terminal, given: string | undefined, options: LoginOptions): Promise<void> {
  const address = await findService(terminal, options);
  const server = formatApiAddress(address);
  if (!isPrivate(address))
    throw new CliError('usage', `a password is not sent over plain HTTP to ${server}: anybody on the way could read it`);
  const user = given ?? (await terminal.ask?.('User: '))?.trim();
  if (user === undefined || user === '') throw new CliError('usage', 'say who logs in: virtdom login NAME');
  const password = await readPassword(terminal, `Password for ${user}`, { fromStdin: options.passwordStdin === true, twice: false });
  const api = new ApiClient(address);
  try {
    const { headers } = await api.post('/session', { body: { name: user, password } });
    const cookie = (headers['set-cookie'] ?? []).map((each) => each.split(';', 1)[0] ?? '').join('; ');
    // The session only makes the token: one kind of credential is kept here, and the service can name and end it.
    const session = { cookie, 'x-virtdom-request': 'cli' };
    const name = `cli ${user} ${hostname()}`.replaceAll(/[^A-Za-z0-9 ._-]/g, '-').slice(0, 63);
    const body: TokenCreate = { name, expiresInSeconds: options.expires };
    const made = await api.post<TokenCreated>('/tokens', { body, headers: session });
    await api.request('DELETE', '/session', { headers: session });
    const environment = terminal.environment ?? {};
    keepToken(server, made.body, environment);
    terminal.error(`logged in to ${server} as ${user} (${made.body.role}) until ${formatTime(made.body.expiresAt)} UTC\n`);
    if (environment['VIRTDOM_TOKEN']) terminal.error('VIRTDOM_TOKEN is set, and is used before what was kept now\n');
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) throw new CliError('failed', error.message, 'Look at name and password');
    throw error;
  } finally {
    api.close();
  }
}

async function logout(terminal: Terminal, options: ServiceOptions): Promise<void> {
  const address = await findService(terminal, options);
  const server = formatApiAddress(address);
  const environment = terminal.environment ?? {};
  const kept = keptToken(server, environment);
  if (kept === undefined) {
    terminal.error(`${credentialFile(environment)} holds no token for ${server}\n`);
    return;
  }
  keepToken(server, undefined, environment);
  const api = new ApiClient(address, kept.token);
  try {
    if (kept.id !== undefined) await api.request('DELETE', apiPath`/tokens/${kept.id}`);
    terminal.error(`logged out of ${server}\n`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    terminal.error(`the token is deleted here, but not at ${server}: ${reason}\n`);
  } finally {
    api.close();
  }
}
