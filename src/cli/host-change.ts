import type { Command } from 'commander';
import type { HostBulkResult } from '../api/schemas/host-bulk.ts';
import type { HostDetail, HostResource } from '../api/schemas/host.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { CliError } from './cli-error.ts';
import { parseSeconds } from './duration.ts';
import { changeEach } from './each-change.ts';
import type { EachResult } from './each-change.ts';
import type { EachChange, Outcome } from './each-report.ts';
import { addHostChoice, chooseHosts, hostChoiceHelp } from './farm-selection.ts';
import type { HostChoice } from './farm-selection.ts';
import { addConfirmDeadCommand } from './host-death.ts';
import { waitUntilEmpty } from './host-drain.ts';
import type { Column } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface DrainOptions extends HostChoice {
  readonly wait?: true;
  readonly timeout: number;
}

/** Adds `drain`, `activate`, `role`, `reboot` and `confirm-dead`. */
export function addHostChangeCommands(noun: Command, terminal: Terminal): void {
  const command = (usage: string, text: string): Command => addHostChoice(serviceCommand(noun, usage, text));
  const each = (verb: string, text: string, change: Omit<HostChange, 'action' | 'verb'>): void => {
    ofRole(command(`${verb} [host...]`, text))
      .addHelpText('after', hostChoiceHelp)
      .action(
        asking(terminal, async (api, names: string[], options: HostChoice) =>
          throwFailure(await changeHosts(terminal, api, names, options, { action: verb, verb, ...change })),
        ),
      );
  };

  ofRole(command('drain [host...]', 'let no VM start on hosts any more, and move those that are there; then they are in maintenance'))
    .option('--wait', 'wait until the last VM has left')
    .option('--timeout <time>', 'how long to wait', parseSeconds, 1800)
    .addHelpText(
      'after',
      `${hostChoiceHelp} Several hosts are asked about also where they are named letter by letter. They are emptied together: no VM moves
from one of them to another.

Examples:
  virtdom host drain post01 --wait
  virtdom host drain -l rack=a3 --dry-run      # which VMs have to leave, and whether there is room for them elsewhere
  virtdom host drain 'node[01-20]' --yes --wait --timeout 2h`,
    )
    .action(asking(terminal, (api, names: string[], options: DrainOptions) => drain(terminal, api, names, options)));

  each('activate', 'let VMs start on hosts again', {
    will: 'take VMs again',
    done: 'takes VMs again',
    counted: 'activated',
    asks: 'never',
    together: true,
  });

  command('role [host] [role]', 'give hosts a role until their next boot; without one, what their machine, labels and rules say')
    .addHelpText(
      'after',
      `${hostChoiceHelp} Several names stand in one word, with commas between.

Examples:
  virtdom host role post01 farm
  virtdom host role 'node[01-20],spare1' farm
  virtdom host role -l rack=a3 farm`,
    )
    .action(
      asking(terminal, (api, first: string | undefined, second: string | undefined, options: HostChoice) =>
        setRole(terminal, api, first, second, options),
      ),
    );

  each('reboot', 'let the agents of hosts reboot them; their VMs go first; asks first', {
    will: 'reboot',
    done: 'is told to reboot',
    counted: 'told to reboot',
    asks: 'always',
    aside: ' and all that runs there',
  });

  addConfirmDeadCommand(noun, terminal);
}

function ofRole(command: Command): Command {
  return command.option('--role <role>', 'hosts that have this role now');
}

type HostChange = Omit<EachChange<HostResource>, 'noun' | 'columns' | 'send' | 'sendAll'> & {
  readonly action: string;
  readonly body?: object;
  /** Several of them are one request. */
  readonly together?: true;
};

const mostVms = 4;
const columns: readonly Column<HostResource>[] = [
  { head: 'STATE', cell: ({ state, duty }) => (duty === 'active' ? state : `${state}, ${duty}`) },
  { head: 'ROLE', cell: ({ role }) => role },
  { head: 'VMS', cell: vmsText },
];

function vmsText({ vms }: HostResource): string {
  const names = vms.slice(0, mostVms).map(({ name }) => name);
  return vms.length > mostVms ? `${names.join(', ')} and ${vms.length - mostVms} more` : names.join(', ');
}

async function changeHosts(
  terminal: Terminal,
  api: ApiClient,
  names: readonly string[],
  options: HostChoice,
  { action, body, together, ...change }: HostChange,
): Promise<EachResult> {
  return changeEach(terminal, await chooseHosts(api, names, options), options, {
    ...change,
    noun: 'host',
    columns,
    send: async (name, dryRun) => {
      const details = { query: { dryRun }, ...(body !== undefined && { body }) };
      return (await api.post<HostDetail>(`${apiPath`/hosts/${name}`}:${action}`, details)).body;
    },
    ...(together === true && { sendAll: (hosts, dryRun) => changeTogether(api, action, hosts, dryRun) }),
  });
}

async function changeTogether(
  api: ApiClient,
  action: string,
  hosts: readonly string[],
  dryRun: true | undefined,
): Promise<Outcome<HostResource>[]> {
  const { items } = (await api.post<HostBulkResult>(`/hosts:${action}`, { query: { dryRun }, body: { hosts } })).body;
  const problemOf = ({ name, status, problem }: HostBulkResult['items'][number]): ApiProblem =>
    new ApiProblem(status, problem ?? {}, `${action} ${name}`);
  return items.map((item) =>
    item.host === undefined
      ? { kind: 'refused', name: item.name, error: problemOf(item) }
      : { kind: 'done', name: item.name, resource: item.host },
  );
}

function throwFailure({ failure }: EachResult): void {
  if (failure !== undefined) throw failure;
}

async function drain(terminal: Terminal, api: ApiClient, names: readonly string[], options: DrainOptions): Promise<void> {
  const result = await changeHosts(terminal, api, names, options, {
    action: 'drain',
    verb: 'drain',
    will: 'be drained',
    done: 'is drained',
    counted: 'drained',
    asks: 'for-several',
    together: true,
  });
  if (options.wait === true && options.dryRun !== true && result.done.length > 0)
    await waitUntilEmpty(terminal, api, result.done, options.timeout);
  throwFailure(result);
}

/** Where hosts are not chosen by name, the only word is the role. */
async function setRole(
  terminal: Terminal,
  api: ApiClient,
  first: string | undefined,
  second: string | undefined,
  options: HostChoice,
): Promise<void> {
  const byOption = options.label !== undefined || options.all === true;
  if (byOption && second !== undefined)
    throw new CliError('usage', 'say which hosts in one way: by name, with -l LABEL=VALUE, or with --all');
  const role = byOption ? first : second;
  const names = byOption || first === undefined ? [] : [first];
  const given = role === undefined ? 'the role again that its machine, labels and rules give it' : `the role ${role}`;
  throwFailure(
    await changeHosts(terminal, api, names, options, {
      action: 'set-role',
      body: role === undefined ? {} : { role },
      verb: role === undefined ? 'take back the role that was given to' : `give the role ${role} to`,
      will: `have ${given}`,
      done: `has ${given}`,
      counted: role === undefined ? 'as their documents say' : `with the role ${role}`,
      asks: 'never',
    }),
  );
}
