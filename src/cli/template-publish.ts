import type { Command } from 'commander';
import type { PublishRequest, PublishResult, RestoreRequest, RollbackRequest, TemplateResource } from '../api/schemas/template.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { formatTime, parseSeconds } from './duration.ts';
import { printable } from './printable.ts';
import { confirm } from './confirmation.ts';
import { asking, serviceCommand } from './service-command.ts';
import { parseVersion } from './template-version.ts';
import { describeCheck } from './template-view.ts';
import type { Terminal } from './terminal.ts';

interface ChangeOptions {
  readonly note?: string;
  readonly force?: true;
  readonly dryRun?: true;
  readonly try?: number;
  readonly to?: number;
  readonly yes?: true;
}

/** Adds `publish`, `confirm`, `rollback` and `restore`. */
export function addTemplatePublishCommands(template: Command, terminal: Terminal): void {
  const changing = (usage: string, description: string): Command =>
    serviceCommand(template, usage, description)
      .option('--note <text>', 'why, for those who read the history')
      .option('--force', 'also where it breaks machines')
      .option('--dry-run', 'let the service check it and change nothing');

  changing('publish <template>', 'serve the draft from the next boot on; refused where it breaks a machine')
    .option('--try <time>', 'go back by itself after this time unless it is confirmed', parseSeconds)
    .addHelpText(
      'after',
      `
Examples:
  virtdom template publish menu.lst --note 'serial console on all'
  virtdom template publish menu.lst --try 10m     # then: virtdom template confirm menu.lst`,
    )
    .action(
      asking(terminal, (api, name: string, options: ChangeOptions) => {
        const body: PublishRequest = { ...noteAndForce(options), ...(options.try !== undefined && { trySeconds: options.try }) };
        return change(terminal, api, name, 'publish', body, options);
      }),
    );

  serviceCommand(template, 'confirm <template>', 'let a publish on trial stay').action(
    asking(terminal, (api, name: string) => change(terminal, api, name, 'confirm', {}, {})),
  );

  changing('rollback <template>', 'make the text of an earlier version the newest one')
    .option('--to <version>', 'which version; 0 or shipped is the shipped file; without it the one before', parseVersion)
    .action(
      asking(terminal, (api, name: string, options: ChangeOptions) => {
        const body: RollbackRequest = { ...noteAndForce(options), ...(options.to !== undefined && { to: options.to }) };
        return change(terminal, api, name, 'rollback', body, options);
      }),
    );

  changing('restore <template>', 'serve the shipped file again; asks first')
    .option('-y, --yes', 'do not ask')
    .action(
      asking(terminal, async (api, name: string, options: ChangeOptions) => {
        if (options.dryRun !== true) await confirm(terminal, `Serve the shipped ${printable(name)} again?`, options.yes);
        await change(terminal, api, name, 'restore', noteAndForce(options), options);
      }),
    );
}

function noteAndForce({ note, force }: ChangeOptions): RestoreRequest {
  return { ...(note !== undefined && { note }), ...(force === true && { force }) };
}

async function change(
  terminal: Terminal,
  api: ApiClient,
  name: string,
  action: 'publish' | 'confirm' | 'rollback' | 'restore',
  body: PublishRequest | RollbackRequest | RestoreRequest,
  { dryRun }: ChangeOptions,
): Promise<void> {
  const { etag } = await api.get<TemplateResource>(apiPath`/templates/${name}`);
  const { body: result } = await api.post<PublishResult>(`${apiPath`/templates/${name}`}:${action}`, {
    ifMatch: etag,
    body,
    ...(dryRun === true && { query: { dryRun } }),
  });
  const { template, written, check } = result;
  if (check !== undefined) terminal.error(describeCheck(check));
  const until = formatTime(template.trial?.until);
  const what = until === undefined ? '' : `, on trial: back at ${until} UTC unless confirmed with virtdom template confirm ${name}`;
  if (dryRun === true) terminal.error('dry run: nothing was changed\n');
  else if (!written && action !== 'confirm') terminal.error(`${printable(`${name}: this very text is served already`)}\n`);
  else
    terminal.out(
      `${printable(`${name}: ${template.published === 0 ? 'the shipped file' : `version ${template.published}`} is served${what}`)}\n`,
    );
}
