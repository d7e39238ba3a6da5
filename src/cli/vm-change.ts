import type { Command } from 'commander';
import type { VmResource } from '../api/schemas/vm.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { changeEach } from './each-change.ts';
import type { EachChange } from './each-report.ts';
import { addVmChoice, chooseVms, vmChoiceHelp } from './farm-selection.ts';
import type { Chosen, EachOptions, VmChoice } from './farm-selection.ts';
import { addOtherWord } from './other-words.ts';
import type { Column } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

type VmChange = Omit<EachChange<VmResource>, 'noun' | 'columns' | 'send'> & { readonly action: string; readonly body?: object };

/** Adds `shutdown`, `destroy`, `reboot`, `pause`, `unpause`, `migrate` and `clear`. */
export function addVmChangeCommands(noun: Command, terminal: Terminal): void {
  const each = (verb: string, text: string, change: Omit<VmChange, 'action' | 'verb'>, examples = ''): void => {
    addVmChoice(serviceCommand(noun, `${verb} [vm...]`, text))
      .addHelpText('after', `${vmChoiceHelp}${examples}`)
      .action(
        asking(terminal, async (api, names: string[], options: VmChoice) =>
          changeVms(terminal, api, await chooseVms(api, names, options), options, { action: verb, verb: spoken(verb), ...change }),
        ),
      );
  };

  each(
    'shutdown',
    'ask VMs to stop; those that are wanted start again by themselves',
    { will: 'be asked to stop', done: 'is asked to stop', counted: 'asked to stop', asks: 'never' },
    `

Examples:
  virtdom vm shutdown worker-1
  virtdom vm shutdown 'worker-[1-8]' --dry-run
  virtdom vm shutdown --environment worker --host post01 --yes`,
  );
  each('destroy', 'stop VMs at once, as by their power switch; those that are wanted start again by themselves; asks first', {
    will: 'be stopped',
    done: 'is stopped',
    counted: 'stopped',
    asks: 'always',
    aside: ' at once, without a word to what runs there',
  });
  each('reboot', 'stop VMs and start them again where they are; asks where there are several', {
    will: 'reboot',
    done: 'reboots',
    counted: 'rebooted',
    asks: 'for-several',
  });
  each('pause', 'let VMs stand still', { will: 'be paused', done: 'is paused', counted: 'paused', asks: 'never' });
  each('unpause', 'let VMs go on that stand still', { will: 'go on', done: 'goes on', counted: 'go on', asks: 'never' });
  each('clear', 'forget the failures of VMs in error, and try again', {
    will: 'be tried again',
    done: 'is tried again',
    counted: 'tried again',
    asks: 'never',
  });

  serviceCommand(noun, 'migrate <vm> <host>', 'move a VM to another host while it runs')
    .option('--dry-run', 'let the service check it and change nothing')
    .addHelpText('after', '\nAll VMs of a host leave it with virtdom host drain.')
    .action(
      asking(terminal, (api, name: string, host: string, options: EachOptions) =>
        changeVms(terminal, api, { names: [name], byName: true }, options, {
          action: 'migrate',
          body: { host },
          verb: 'migrate',
          will: `move to ${host}`,
          done: `moves to ${host}`,
          counted: 'moved',
          asks: 'never',
        }),
      ),
    );
  addOtherWords(noun);
}

function addOtherWords(noun: Command): void {
  addOtherWord(noun, 'stop', 'virtdom vm shutdown NAME asks it to stop, virtdom vm destroy NAME stops it at once');
  addOtherWord(
    noun,
    'start',
    'VMs start by themselves as they are wanted: virtdom environment scale NAME COUNT, or resume one that is paused',
  );
}

function spoken(verb: string): string {
  return verb === 'shutdown' ? 'shut down' : verb;
}

const columns: readonly Column<VmResource>[] = [
  { head: 'ENVIRONMENT', cell: ({ environment }) => environment },
  { head: 'STATE', cell: ({ state }) => state },
  { head: 'HOST', cell: ({ claims }) => [...new Set(claims.map(({ host }) => host))].join(',') },
];

async function changeVms(
  terminal: Terminal,
  api: ApiClient,
  chosen: Chosen,
  options: EachOptions,
  { action, body, ...change }: VmChange,
): Promise<void> {
  const { failure } = await changeEach(terminal, chosen, options, {
    ...change,
    noun: 'VM',
    columns,
    send: async (name, dryRun) => {
      const details = { query: { dryRun }, ...(body !== undefined && { body }) };
      return (await api.post<VmResource>(`${apiPath`/vms/${name}`}:${action}`, details)).body;
    },
  });
  if (failure !== undefined) throw failure;
}
