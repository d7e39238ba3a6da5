import { Option } from 'commander';
import type { Command } from 'commander';
import type { UserCreate, UserPatch, UserResource } from '../api/schemas/user.ts';
import type { SessionResource } from '../api/schemas/session.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { confirm } from './confirmation.ts';
import { formatTime } from './duration.ts';
import { outputOption, printItem, printItems } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { readPassword } from './password.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

type Role = UserResource['role'];
const roles: readonly Role[] = ['viewer', 'operator', 'admin'];

const userView: View<UserResource> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'ROLE', cell: ({ role }) => role },
    {
      head: 'STATE',
      cell: ({ disabled }) => (disabled ? 'locked out' : 'active'),
      tone: ({ disabled }) => (disabled ? 'warning' : undefined),
    },
    { head: 'ADDED (UTC)', cell: ({ createdAt }) => formatTime(createdAt) },
    { head: 'CHANGED (UTC)', cell: ({ updatedAt }) => formatTime(updatedAt), wide: true },
  ],
  name: ({ name }) => name,
  empty: 'there is no user: virtdom user create NAME --role admin',
};

function roleOption(): Option {
  return new Option('--role <role>', 'what they may do').choices(roles);
}

interface CreateOptions {
  readonly role: Role;
  readonly passwordStdin?: true;
}

interface SetOptions {
  readonly role?: Role;
  readonly password?: true;
  readonly passwordStdin?: true;
  readonly disable?: true;
  readonly enable?: true;
}

/** Adds `virtdom user list|get|create|set|delete`. */
export function addUserCommands(program: Command, terminal: Terminal): void {
  const user = program.command('user').description('see and change who may log in');
  const passwordStdin = ['--password-stdin', 'read the password from standard input'] as const;

  serviceCommand(user, 'list', 'list users')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { output }: OutputOptions) => {
        printItems(terminal, output, userView, await api.list<UserResource>('/users'));
      }),
    );

  serviceCommand(user, 'get <user>', 'show a user')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { output }: OutputOptions) => {
        printItem(terminal, output, userView, (await api.get<UserResource>(apiPath`/users/${name}`)).body);
      }),
    );

  serviceCommand(user, 'create <name>', 'add a user; the password is asked for')
    .addOption(roleOption().makeOptionMandatory())
    .option(...passwordStdin)
    .addHelpText('after', '\nExample:\n  virtdom user create anna --role operator')
    .action(
      asking(terminal, async (api, name: string, options: CreateOptions) => {
        const password = await readPassword(terminal, `Password for ${name}`, { fromStdin: options.passwordStdin === true, twice: true });
        const wanted: UserCreate = { name, role: options.role, password };
        const { body } = await api.post<UserResource>('/users', { body: wanted });
        terminal.out(`${body.name} added (${body.role})\n`);
      }),
    );

  serviceCommand(user, 'set <user>', 'change role or password of a user, or lock them out; their sessions end')
    .addOption(roleOption())
    .option('--password', 'a new password, which is asked for')
    .option(...passwordStdin)
    .option('--disable', 'lock them out')
    .option('--enable', 'let them in again')
    .action(asking(terminal, (api, name: string, options: SetOptions) => set(terminal, api, name, options)));

  serviceCommand(user, 'delete <user>', 'delete a user with their sessions and tokens; asks first')
    .option('-y, --yes', 'do not ask')
    .action(
      asking(terminal, async (api, name: string, { yes }: { yes?: true }) => {
        const { body } = await api.get<UserResource>(apiPath`/users/${name}`);
        await confirm(terminal, `Delete ${body.name} (${body.role}) with all sessions and tokens?`, yes);
        await api.request('DELETE', apiPath`/users/${name}`);
        terminal.out(`${body.name} deleted\n`);
      }),
    );
}

async function set(terminal: Terminal, api: ApiClient, name: string, options: SetOptions): Promise<void> {
  const { role, disable, enable, passwordStdin } = options;
  if (disable === true && enable === true) throw new CliError('usage', 'say --disable or --enable, not both');
  const withPassword = options.password === true || passwordStdin === true;
  const patch: UserPatch = {
    ...(role !== undefined && { role }),
    ...((disable === true || enable === true) && { disabled: disable === true }),
    ...(withPassword && (await newPassword(terminal, api, name, passwordStdin === true))),
  };
  if (Object.keys(patch).length === 0) throw new CliError('usage', 'say what to change: --role, --password, --disable or --enable');
  const { body } = await api.request<UserResource>('PATCH', apiPath`/users/${name}`, { body: patch });
  terminal.out(`${body.name} changed (${body.role}${body.disabled ? ', locked out' : ''})\n`);
}

/** Who changes their own password proves that they know the present one. */
async function newPassword(
  terminal: Terminal,
  api: ApiClient,
  name: string,
  fromStdin: boolean,
): Promise<Pick<UserPatch, 'password' | 'currentPassword'>> {
  const { body: me } = await api.get<SessionResource>('/session');
  const own = me.via === 'session' && me.user === name;
  if (own && fromStdin) throw new CliError('usage', 'your own password is changed at a terminal, where the present one is asked for');
  const currentPassword = own ? await readPassword(terminal, 'Your present password', { fromStdin, twice: false }) : undefined;
  const password = await readPassword(terminal, `New password for ${name}`, { fromStdin, twice: true });
  return { password, ...(currentPassword !== undefined && { currentPassword }) };
}
