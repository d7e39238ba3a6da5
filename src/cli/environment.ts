import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { EnvironmentResource } from '../api/schemas/environment.ts';
import type { PlanResource } from '../api/schemas/plan.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { parseSeconds } from './duration.ts';
import { environmentView, progressText } from './environment-view.ts';
import { tellFollowing } from './following-notes.ts';
import { addObjectCommands } from './object.ts';
import { addOtherWord } from './other-words.ts';
import { outputOption } from './output.ts';
import type { OutputOptions } from './output.ts';
import { printPlan } from './plan-view.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';
import { addVmWatchCommand } from './vm-watch.ts';
import { pollUntil } from './waiting.ts';

const description = 'see and change what kinds of VMs there are, and how many';

/** Looks, a second apart, at an environment in error of which nothing starts. */
const mostStandstills = 8;

interface ScaleOptions {
  readonly dryRun?: true;
  readonly wait?: true;
  readonly timeout: number;
}

/** Adds `virtdom environment …`. */
export function addEnvironmentCommands(program: Command, terminal: Terminal): void {
  const noun = addObjectCommands<EnvironmentResource>(program, terminal, 'Environment', description, environmentView, {
    states: 'as-wanted, changing, short, paused or error',
    sorts: ['priority', 'state'],
  });

  serviceCommand(noun, 'plan <environment>', 'say what would be done now to have as many VMs as are wanted; changes nothing')
    .option('--count <count>', 'as if so many were wanted', parseWanted)
    .option('--why', 'also why this host and not the others, host by host')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, name: string, { count, why, output }: OutputOptions & { count?: number; why?: true }) => {
        const { body } = await api.get<PlanResource>(apiPath`/environments/${name}:plan`, { count });
        printPlan(terminal, output, body, why === true);
      }),
    );

  serviceCommand(noun, 'scale <environment>', 'say how many VMs are wanted, between its min and max')
    .argument('<count>', 'so many', parseWanted)
    .option('--wait', 'wait until there are as many')
    .option('--timeout <time>', 'how long to wait', parseSeconds, 600)
    .option('--dry-run', 'let the service check it and change nothing')
    .addHelpText('after', '\nExample:\n  virtdom environment scale worker 5 --wait --timeout 5m')
    .action(asking(terminal, (api, name: string, count: number, options: ScaleOptions) => scale(terminal, api, name, count, options)));

  serviceCommand(noun, 'pause <environment>', 'start and stop nothing for it; what runs goes on')
    .option('--dry-run', 'let the service check it and change nothing')
    .action(setPaused('pause', 'paused'));
  serviceCommand(noun, 'resume <environment>', 'start and stop again what is due')
    .option('--dry-run', 'let the service check it and change nothing')
    .action(setPaused('resume', 'goes on'));

  addOtherWord(noun, 'unpause', 'virtdom environment resume NAME; where its document says paused: true, change that');
  addVmWatchCommand(noun, terminal, 'environment');

  function setPaused(verb: string, done: string): (...given: unknown[]) => Promise<void> {
    return asking(terminal, async (api, name: string, { dryRun }: { dryRun?: true }) => {
      const { body } = await api.post<EnvironmentResource>(`${apiPath`/environments/${name}`}:${verb}`, { query: { dryRun } });
      terminal.out(`${printable(`environment ${name} ${done}`)}\n`);
      tellFollowing(terminal, body, dryRun);
    });
  }
}

async function scale(
  terminal: Terminal,
  api: ApiClient,
  name: string,
  count: number,
  { dryRun, wait, timeout }: ScaleOptions,
): Promise<void> {
  const { body } = await api.post<EnvironmentResource>(apiPath`/environments/${name}:scale`, { body: { count }, query: { dryRun } });
  terminal.out(`${printable(`environment ${name} scaled to ${count}`)}\n`);
  tellFollowing(terminal, body, dryRun);
  if (wait === true && dryRun !== true) await waitUntilAsWanted(terminal, api, name, count, timeout);
}

async function waitUntilAsWanted(terminal: Terminal, api: ApiClient, name: string, count: number, timeoutSeconds: number): Promise<void> {
  let told = '';
  let standstills = 0;
  await pollUntil(
    async () => {
      const { status } = (await api.get<EnvironmentResource>(apiPath`/environments/${name}`)).body;
      if (status === undefined) return false;
      const text = progressText(status);
      if (text !== told) terminal.error(`${printable(`${name}: ${text}`)}\n`);
      told = text;
      if (status.wanted !== count) throw new CliError('conflict', `${name}: ${status.wanted} are wanted meanwhile, by ${status.wantedBy}`);
      if (status.paused) throw new CliError('failed', `${name} is paused: ${status.reason}`, `virtdom environment resume ${name}`);
      // An old failure does not keep new VMs from starting; where none does, nobody but a person helps.
      standstills = status.state === 'error' && status.starting === 0 ? standstills + 1 : 0;
      if (standstills >= mostStandstills)
        throw new CliError(
          'failed',
          `${name}: ${status.reason}`,
          `virtdom vm list --environment ${name} --state error says why; virtdom vm clear VM tries again`,
        );
      return status.state === 'as-wanted';
    },
    { timeoutSeconds, pauseMs: 1000 },
    () => `${name} is not as wanted after ${timeoutSeconds} s: ${told}; virtdom environment plan ${name} --why says what it waits for`,
  );
}

function parseWanted(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected how many VMs are wanted, such as 5.');
}
