import type { Command } from 'commander';
import type { BulkBoot, MachineResource } from '../api/schemas/machine.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { changeMachines } from './bulk-change.ts';
import { CliError } from './cli-error.ts';
import { parseSeconds } from './duration.ts';
import { printable } from './printable.ts';
import { addSelectionOptions, readSelection, selectionHelp } from './selection.ts';
import type { SelectionOptions } from './selection.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';
import { pollUntil } from './waiting.ts';

interface BootOptions extends SelectionOptions {
  readonly once?: string;
  readonly cancel?: true;
  readonly wait?: true;
  readonly timeout: number;
}

/** Adds `virtdom machine boot`. */
export function addMachineBootCommand(machine: Command, terminal: Terminal): void {
  addSelectionOptions(serviceCommand(machine, 'boot [machine...]', 'say what the next boot is to be, and wait for it'))
    .option('--once <profile>', 'boot this profile at the next power-on, and only then')
    .option('--cancel', 'take a boot back that was asked for once')
    .option('--wait', 'wait until the next boot is up; what hangs on the way is told')
    .option('--timeout <time>', 'how long to wait', parseSeconds, 900)
    .addHelpText(
      'after',
      `${selectionHelp}

Examples:
  virtdom machine boot post01 --once installer
  virtdom machine boot 'node[01-20]' --once memtest --yes
  virtdom machine boot post01 --wait --timeout 10m     # then switch it on`,
    )
    .action(asking(terminal, (api, names: string[], options: BootOptions) => boot(terminal, api, names, options)));
}

async function boot(terminal: Terminal, api: ApiClient, names: readonly string[], options: BootOptions): Promise<void> {
  const { once, cancel, wait, timeout } = options;
  if (once !== undefined && cancel === true) throw new CliError('usage', 'say --once or --cancel, not both');
  if (once === undefined && cancel === undefined && wait === undefined)
    throw new CliError('usage', 'say --once PROFILE, --cancel or --wait', 'What a machine boots always is given by virtdom machine assign');
  if (cancel === true) return cancelBoots(terminal, api, names, options);
  const before = new Map<string, string | undefined>();
  if (wait === true) for (const { name, lastBoot } of await api.list<MachineResource>('/machines')) before.set(name, lastBoot);
  let chosen = names;
  if (once !== undefined) {
    chosen = await changeMachines(terminal, api, names, options, {
      action: 'boot',
      body: { profile: once } satisfies Partial<BulkBoot>,
      verb: `boot ${once} once on`,
      done: `boots ${once} next`,
    });
  } else if (readSelection(names, options).names === undefined) throw new CliError('usage', '--wait alone takes machines by name');
  if (wait === true && options.dryRun !== true && chosen.length > 0) await waitUntilUp(terminal, api, chosen, before, timeout);
}

async function cancelBoots(terminal: Terminal, api: ApiClient, names: readonly string[], options: BootOptions): Promise<void> {
  if (readSelection(names, options).names === undefined) throw new CliError('usage', '--cancel takes machines by name');
  for (const name of names) {
    await api.post(apiPath`/machines/${name}:boot-cancel`, options.dryRun === true ? { query: { dryRun: true } } : {});
    terminal.out(`${printable(`${name} boots its own profile next`)}\n`);
  }
}

const good = new Set<MachineResource['state']>(['up', 'local', 'handed-over']);

/** Waits for a new boot of each machine. One that fails ends it; one that is stuck is told, since it may go on. */
async function waitUntilUp(
  terminal: Terminal,
  api: ApiClient,
  names: readonly string[],
  before: ReadonlyMap<string, string | undefined>,
  timeoutSeconds: number,
): Promise<void> {
  const open = new Set(names);
  const told = new Map<string, string>();
  terminal.error(
    `waiting for ${names.length === 1 ? names[0] : `${names.length} machines`}: switch ${names.length === 1 ? 'it' : 'them'} on\n`,
  );
  await pollUntil(
    async () => {
      for (const name of open) {
        const { body: machine } = await api.get<MachineResource>(apiPath`/machines/${name}`);
        if (machine.lastBoot === undefined || machine.lastBoot === before.get(name)) continue;
        const now = `${machine.state}${machine.lastStage === undefined ? '' : `, reached ${machine.lastStage}`}`;
        if (told.get(name) !== now)
          terminal.error(`${printable(`${name}: ${now}${machine.state === 'stuck' ? `: ${machine.reason}` : ''}`)}\n`);
        told.set(name, now);
        if (machine.state === 'failed')
          throw new CliError('failed', `${name}: its boot failed: ${machine.reason}`, `virtdom boot show ${machine.lastBoot} tells more`);
        if (!good.has(machine.state)) continue;
        open.delete(name);
        terminal.out(`${printable(`${name} ${machine.state}`)}\n`);
      }
      return open.size === 0;
    },
    { timeoutSeconds, pauseMs: names.length > 20 ? 5000 : 1000 },
    () =>
      `${[...open].join(', ')}: not up after ${timeoutSeconds} s${[...open].map((name) => ` (${told.get(name) ?? 'no boot seen'})`).join('')}`,
  );
}
