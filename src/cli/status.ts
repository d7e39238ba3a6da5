import type { Command } from 'commander';
import type { Health } from '../api/schemas/health.ts';
import type { ManagerResource } from '../api/schemas/manager.ts';
import type { VmResource } from '../api/schemas/vm.ts';
import { formatApiAddress } from './api-address.ts';
import type { ApiClient } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { CliError } from './cli-error.ts';
import { formatSeconds, formatTime } from './duration.ts';
import { formatFields } from './field-lines.ts';
import { managerFields } from './manager-view.ts';
import { outputOption, printItem } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { asking, isManagerOff, managerBeside, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface Status extends Health {
  /** Where one runs there, and whoever asks may see it. */
  readonly manager?: ManagerResource;
  /** VMs of which nobody knows whether they run, or that failed. */
  readonly troubled?: readonly Pick<VmResource, 'name' | 'state' | 'reason' | 'since'>[];
}

const mostTroubled = 20;

function statusView(nowMs: number): View<Status> {
  return {
    columns: [
      { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => (state === 'ok' ? 'good' : 'bad') },
      { head: 'VERSION', cell: ({ version }) => version },
      { head: 'UP', cell: ({ uptimeSeconds }) => formatSeconds(uptimeSeconds) },
      { head: 'MANAGER', cell: ({ manager }) => manager && `${manager.state}${manager.hold === undefined ? '' : ', holds'}` },
      { head: 'REASON', cell: ({ reason }) => reason },
    ],
    name: ({ state }) => state,
    detail: ({ state, reason, version, uptimeSeconds, manager, troubled = [] }) =>
      formatFields([
        ['state', `${state}: ${reason}`],
        ['version', version],
        ['up', formatSeconds(uptimeSeconds)],
        ...(manager === undefined ? [] : managerFields(manager, nowMs)),
        ...troubled.map((vm) => [vm.state.toUpperCase(), `${vm.name} since ${formatTime(vm.since)}: ${vm.reason}`] as const),
      ]),
  };
}

/** Adds `virtdom status`. */
export function addStatusCommand(program: Command, terminal: Terminal): void {
  serviceCommand(program, 'status', 'say whether the service does its work; ends with 1 where it does not')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { output }: OutputOptions) => {
        const { body } = await api.get<Health>('/health');
        printItem(terminal, output, statusView(terminal.now?.() ?? Date.now()), { ...body, ...(await managerPart(terminal, api)) });
        if (body.state !== 'ok')
          throw new CliError('failed', `the service at ${formatApiAddress(api.address)} is ${body.state}: ${body.reason}`);
      }),
    );
}

/** Whoever is not logged in learns how the service is, and no more; and not every service has a manager. */
async function managerPart(terminal: Terminal, api: ApiClient): Promise<Pick<Status, 'manager' | 'troubled'>> {
  try {
    const { body: manager } = await api.get<ManagerResource>('/manager');
    const vms = await api.list<VmResource>('/vms', { state: 'lost,error', sort: 'state' }, mostTroubled);
    return { manager, troubled: vms.map(({ name, state, reason, since }) => ({ name, state, reason, since })) };
  } catch (error) {
    const beside = isManagerOff(error) ? managerBeside(terminal, api) : undefined;
    if (beside !== undefined) return managerPart(terminal, beside).finally(() => beside.close());
    if (error instanceof ApiProblem && [401, 403, 404, 503].includes(error.status)) return {};
    throw error;
  }
}
