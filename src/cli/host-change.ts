import type { Command } from 'commander';
import type { ConfirmedDead, HostDetail } from '../api/schemas/host.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { confirm } from './confirmation.ts';
import { parseSeconds } from './duration.ts';
import { tellFollowing } from './following-notes.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';
import { pollUntil } from './waiting.ts';

interface DrainOptions {
  readonly wait?: true;
  readonly timeout: number;
  readonly dryRun?: true;
}

interface DeadOptions {
  readonly yesItIsOff?: string;
  readonly dryRun?: true;
}

/** Adds `drain`, `activate`, `role`, `reboot` and `confirm-dead`. */
export function addHostChangeCommands(noun: Command, terminal: Terminal): void {
  const command = (usage: string, text: string): Command =>
    serviceCommand(noun, usage, text).option('--dry-run', 'let the service check it and change nothing');

  command('drain <host>', 'let no VM start on a host any more, and move those that are there; then it is in maintenance')
    .option('--wait', 'wait until the last VM has left')
    .option('--timeout <time>', 'how long to wait', parseSeconds, 1800)
    .action(asking(terminal, (api, name: string, options: DrainOptions) => drain(terminal, api, name, options)));

  command('activate <host>', 'let VMs start on a host again').action(
    asking(terminal, (api, name: string, { dryRun }: { dryRun?: true }) =>
      change(terminal, api, name, { action: 'activate', done: 'takes VMs again', dryRun }),
    ),
  );

  command('role <host> [role]', 'give a host a role until its next boot; without one, what its machine, labels and rules say').action(
    asking(terminal, (api, name: string, role: string | undefined, { dryRun }: { dryRun?: true }) => {
      const done = role === undefined ? 'has the role again that its machine, labels and rules give it' : `has the role ${role}`;
      return change(terminal, api, name, { action: 'set-role', body: role === undefined ? {} : { role }, done, dryRun });
    }),
  );

  command('reboot <host>', 'let the agent of a host reboot it; its VMs go first; asks first')
    .option('-y, --yes', 'do not ask')
    .action(
      asking(terminal, async (api, name: string, { yes, dryRun }: { yes?: true; dryRun?: true }) => {
        if (dryRun !== true) await confirm(terminal, `Reboot ${printable(name)} and all that runs on it?`, yes);
        await change(terminal, api, name, { action: 'reboot', done: 'is told to reboot', dryRun });
      }),
    );

  command('confirm-dead <host>', 'give your word that a host is off, so that its VMs may start elsewhere; asks for its name')
    .option('--yes-it-is-off <host>', 'the name once more, instead of typing it: for programs that have switched it off')
    .addHelpText(
      'after',
      `
If the host is not off, its VMs run twice: two gateways with one address, two writers of one disk. Switch it off, or see that it is.
Your word is written into the audit log.`,
    )
    .action(asking(terminal, (api, name: string, options: DeadOptions) => confirmDead(terminal, api, name, options)));
}

interface HostChange {
  readonly action: string;
  readonly body?: object;
  readonly done: string;
  readonly dryRun: true | undefined;
}

async function change(terminal: Terminal, api: ApiClient, name: string, { action, body, done, dryRun }: HostChange): Promise<void> {
  const changed = await api.post<HostDetail>(`${apiPath`/hosts/${name}`}:${action}`, {
    query: { dryRun },
    ...(body !== undefined && { body }),
  });
  terminal.out(`${printable(`${name} ${done}`)}\n`);
  tellFollowing(terminal, changed.body, dryRun);
}

async function drain(terminal: Terminal, api: ApiClient, name: string, { wait, timeout, dryRun }: DrainOptions): Promise<void> {
  await change(terminal, api, name, { action: 'drain', done: 'is drained', dryRun });
  if (wait !== true || dryRun === true) return;
  let told = '';
  await pollUntil(
    async () => {
      const { duty, state, reason, vms } = (await api.get<HostDetail>(apiPath`/hosts/${name}`)).body;
      if (duty === 'active') throw new CliError('conflict', `${name} was told to take VMs again`);
      const left = vms.length === 0 ? 'no VM is left' : `${vms.map((vm) => `${vm.name} (${vm.state})`).join(', ')} still there`;
      const text = state === 'online' ? left : `${left}; ${state}: ${reason}`;
      if (text !== told) terminal.error(`${printable(`${name}: ${text}`)}\n`);
      told = text;
      return duty === 'maintenance';
    },
    { timeoutSeconds: timeout, pauseMs: 1000 },
    () => `${name} is not empty after ${timeout} s: ${told}; virtdom manager plan says what they wait for`,
  );
  terminal.out(`${printable(name)} is in maintenance\n`);
}

async function confirmDead(terminal: Terminal, api: ApiClient, name: string, { yesItIsOff, dryRun }: DeadOptions): Promise<void> {
  if (yesItIsOff !== undefined && yesItIsOff !== name)
    throw new CliError('usage', `--yes-it-is-off ${yesItIsOff} is not ${name}: nothing was done`);
  const send = async (hostname: string, dry: true | undefined): Promise<ConfirmedDead> =>
    (await api.post<ConfirmedDead>(apiPath`/hosts/${name}:confirm-dead`, { body: { hostname }, query: { dryRun: dry } })).body;
  const typed = yesItIsOff ?? (dryRun === true ? name : await typedName(terminal, api, name, await send(name, true)));
  const confirmed = await send(typed, dryRun);
  const { vms } = confirmed;
  terminal.out(`${printable(`${name} counts as off: ${vms.length === 0 ? 'no VM waited for it' : movingText(vms)}`)}\n`);
  tellFollowing(terminal, confirmed, dryRun);
}

/** Shows what is known of the host and what would follow, and lets the person type its name. */
async function typedName(terminal: Terminal, api: ApiClient, name: string, { vms }: ConfirmedDead): Promise<string> {
  const { state, reason } = (await api.get<HostDetail>(apiPath`/hosts/${name}`)).body;
  const question = `Is ${printable(name)} off, and sure to stay off?`;
  if (terminal.ask === undefined)
    throw new CliError(
      'usage',
      `${question} Nobody is here to answer`,
      `Say --yes-it-is-off ${name} once it is, or --dry-run to see what would follow`,
    );
  terminal.error(`${printable(`${name} is ${state}: ${reason}`)}\n`);
  terminal.error(`${printable(vms.length === 0 ? 'no VM waits for it' : movingText(vms))}\n`);
  const answer = await terminal.ask(`${question} If it is not, these VMs run twice. Type its name: `);
  if (answer?.trim() !== name) throw new CliError('failed', 'that is not its name: nothing was done');
  return name;
}

function movingText(vms: ConfirmedDead['vms']): string {
  return `${vms.map((vm) => vm.name).join(', ')} may start elsewhere`;
}
