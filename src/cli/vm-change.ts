import type { Command } from 'commander';
import type { VmResource } from '../api/schemas/vm.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { confirm } from './confirmation.ts';
import { tellFollowing } from './following-notes.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface ChangeOptions {
  readonly yes?: true;
  readonly dryRun?: true;
}

interface VmChange {
  /** Of the route: `shutdown`. */
  readonly action: string;
  readonly body?: object;
  /** `is asked to stop`, behind the VM's name. */
  readonly done: string;
  /** Asked before it is done. */
  readonly question?: string;
}

/** Adds `shutdown`, `destroy`, `reboot`, `pause`, `unpause`, `migrate` and `clear`. */
export function addVmChangeCommands(noun: Command, terminal: Terminal): void {
  const command = (usage: string, text: string): Command =>
    serviceCommand(noun, usage, text).option('--dry-run', 'let the service check it and change nothing');
  const each = (change: VmChange) =>
    asking(terminal, (api, names: string[], options: ChangeOptions) => changeVms(terminal, api, names, options, change));

  command('shutdown <vm...>', 'ask VMs to stop; those that are wanted start again by themselves').action(
    each({ action: 'shutdown', done: 'is asked to stop' }),
  );
  command('destroy <vm...>', 'stop VMs at once, as by their power switch; those that are wanted start again by themselves; asks first')
    .option('-y, --yes', 'do not ask')
    .action(each({ action: 'destroy', done: 'is stopped', question: 'Stop at once, without a word to its programs' }));
  command('reboot <vm...>', 'stop VMs and start them again where they are').action(each({ action: 'reboot', done: 'reboots' }));
  command('pause <vm...>', 'let VMs stand still').action(each({ action: 'pause', done: 'is paused' }));
  command('unpause <vm...>', 'let VMs go on that stand still').action(each({ action: 'unpause', done: 'goes on' }));
  command('clear <vm...>', 'forget the failures of VMs in error, and try again').action(each({ action: 'clear', done: 'is tried again' }));
  command('migrate <vm> <host>', 'move a VM to another host while it runs').action(
    asking(terminal, (api, name: string, host: string, options: ChangeOptions) =>
      changeVms(terminal, api, [name], options, { action: 'migrate', body: { host }, done: `moves to ${host}` }),
    ),
  );
}

async function changeVms(
  terminal: Terminal,
  api: ApiClient,
  names: readonly string[],
  { yes, dryRun }: ChangeOptions,
  { action, body, done, question }: VmChange,
): Promise<void> {
  if (question !== undefined && dryRun !== true) await confirm(terminal, `${question}: ${printable(names.join(', '))}?`, yes);
  for (const name of names) {
    const changed = await api.post<VmResource>(`${apiPath`/vms/${name}`}:${action}`, {
      query: { dryRun },
      ...(body !== undefined && { body }),
    });
    terminal.out(`${printable(`${name} ${done}`)}\n`);
    tellFollowing(terminal, changed.body, undefined);
  }
  tellFollowing(terminal, {}, dryRun);
}
