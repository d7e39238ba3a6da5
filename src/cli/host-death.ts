import type { Command } from 'commander';
import type { ConfirmedDead, HostDetail } from '../api/schemas/host.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { tellFollowing } from './following-notes.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface DeadOptions {
  readonly yesItIsOff?: string;
  readonly dryRun?: true;
}

/** Adds `confirm-dead`: one host at a time, each by its typed name. */
export function addConfirmDeadCommand(noun: Command, terminal: Terminal): void {
  serviceCommand(noun, 'confirm-dead <host>', 'give your word that a host is off, so that its VMs may start elsewhere; asks for its name')
    .option('--yes-it-is-off <host>', 'the name once more, instead of typing it: for programs that have switched it off')
    .option('--dry-run', 'let the service check it and change nothing')
    .addHelpText(
      'after',
      `
If the host is not off, its VMs run twice: two gateways with one address, two writers of one disk. Switch it off, or see that it is.
It takes one host at a time, so that each is looked at. Your word is written into the audit log.`,
    )
    .action(asking(terminal, (api, name: string, options: DeadOptions) => confirmDead(terminal, api, name, options)));
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
