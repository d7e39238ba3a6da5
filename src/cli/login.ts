import type { Command } from 'commander';
import type { Login, SessionResource } from '../api/schemas/session.ts';
import { formatApiAddress, isPrivate } from './api-address.ts';
import { ApiClient } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { CliError } from './cli-error.ts';
import { credentialFile, keepCredential, keptCredential } from './credential-file.ts';
import { formatTime } from './duration.ts';
import { formatFields } from './field-lines.ts';
import { outputOption, printItem } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { printable, printableLines } from './printable.ts';
import { readPassword } from './password.ts';
import { asking, findService, serviceCommand } from './service-command.ts';
import type { ServiceOptions } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface LoginOptions extends ServiceOptions {
  readonly passwordStdin?: true;
}

/** Adds `virtdom login`. */
export function addLoginCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'login [user]', 'log in: the session is kept for this service, readable by you alone')
    .option('--password-stdin', 'read the password from standard input')
    .addHelpText('after', '\nExample:\n  virtdom login anna --server https://boot.lab.example:8443')
    .action((user: string | undefined, options: LoginOptions) => login(terminal, user, options));
}

/** Adds `virtdom logout`. */
export function addLogoutCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'logout', 'log out: the kept session ends, here and at the service').action((options: ServiceOptions) =>
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
    const { body, headers } = await api.post<SessionResource>('/session', { body: { name: user, password } satisfies Login });
    const [cookie = ''] = (headers['set-cookie'] ?? []).map((each) => each.split(';', 1)[0] ?? '');
    const environment = terminal.environment ?? {};
    keepCredential(server, { kind: 'session', cookie }, environment);
    terminal.error(`logged in to ${server} as ${printable(body.actor)} (${body.role})\n`);
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
  const kept = keptCredential(server, environment);
  if (kept === undefined) return terminal.error(`${credentialFile(environment)} holds nothing for ${server}\n`);
  keepCredential(server, undefined, environment);
  if (kept.kind === 'token') return terminal.error('the token is deleted here; virtdom token delete ends it for all who have it\n');
  const api = new ApiClient(address, kept);
  try {
    await api.request('DELETE', '/session');
    terminal.error(`logged out of ${server}\n`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    terminal.error(`the session is forgotten here, but not ended at ${server}: ${printableLines(reason)}\n`);
  } finally {
    api.close();
  }
}
