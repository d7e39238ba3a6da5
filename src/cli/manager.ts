import type { Command } from 'commander';
import type { ManagerResource } from '../api/schemas/manager.ts';
import type { PlanResource } from '../api/schemas/plan.ts';
import { tellFollowing } from './following-notes.ts';
import { managerView } from './manager-view.ts';
import { outputOption, printItem } from './output.ts';
import type { OutputOptions } from './output.ts';
import { printPlan } from './plan-view.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** Adds `virtdom manager status|plan|hold|release`. Returns the noun, whose own action may be to run a manager. */
export function addManagerCommands(program: Command, terminal: Terminal): Command {
  const noun = program
    .command('manager')
    .description('see what the VM manager does and would do, and hold it; without a command, run one by itself');
  const now = (): number => terminal.now?.() ?? Date.now();

  serviceCommand(noun, 'status', 'say how the manager is')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { output }: OutputOptions) => {
        printItem(terminal, output, managerView(now()), (await api.get<ManagerResource>('/manager')).body);
      }),
    );

  serviceCommand(noun, 'plan', 'say what would be done now, with all VMs; changes nothing')
    .option('--why', 'also why this host and not the others, host by host')
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { why, output }: OutputOptions & { why?: true }) => {
        printPlan(terminal, output, (await api.get<PlanResource>('/manager:plan')).body, why === true);
      }),
    );

  serviceCommand(noun, 'hold <reason>', 'fence nothing and recover nothing until it is released; everything else goes on')
    .option('--dry-run', 'let the service check it and change nothing')
    .action(
      asking(terminal, async (api, reason: string, { dryRun }: { dryRun?: true }) => {
        const { body } = await api.post<ManagerResource>('/manager:hold', { body: { reason }, query: { dryRun } });
        terminal.out('the manager holds: virtdom manager release takes it back\n');
        tellFollowing(terminal, body, dryRun);
      }),
    );

  serviceCommand(noun, 'release', 'take a hold back')
    .option('--dry-run', 'let the service check it and change nothing')
    .action(
      asking(terminal, async (api, { dryRun }: { dryRun?: true }) => {
        const { body } = await api.post<ManagerResource>('/manager:release', { query: { dryRun } });
        terminal.out('the manager goes on\n');
        tellFollowing(terminal, body, dryRun);
      }),
    );
  return noun;
}
