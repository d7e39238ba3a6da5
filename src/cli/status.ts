import type { Command } from 'commander';
import type { Health } from '../api/schemas/health.ts';
import { formatApiAddress } from './api-address.ts';
import { CliError } from './cli-error.ts';
import { formatSeconds } from './duration.ts';
import { formatFields } from './field-lines.ts';
import { outputOption, printItem } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

const healthView: View<Health> = {
  columns: [
    { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => (state === 'ok' ? 'good' : 'bad') },
    { head: 'VERSION', cell: ({ version }) => version },
    { head: 'UP', cell: ({ uptimeSeconds }) => formatSeconds(uptimeSeconds) },
    { head: 'REASON', cell: ({ reason }) => reason },
  ],
  name: ({ state }) => state,
  detail: ({ state, reason, version, uptimeSeconds }) =>
    formatFields([
      ['state', `${state}: ${reason}`],
      ['version', version],
      ['up', formatSeconds(uptimeSeconds)],
    ]),
};

/** Adds `virtdom status`. */
export function addStatusCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'status', 'say whether the service does its work; ends with 1 where it does not')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { output }: OutputOptions) => {
        const { body } = await api.get<Health>('/health');
        printItem(terminal, output, healthView, body);
        if (body.state !== 'ok')
          throw new CliError('failed', `the service at ${formatApiAddress(api.address)} is ${body.state}: ${body.reason}`);
      }),
    );
}
