import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { jsonLog } from '../log.ts';
import { CliError } from './cli-error.ts';

/** Adds `virtdom agent`. */
export function addAgentCommand(program: Command): void {
  program
    .command('agent')
    .description("run a Dom0's agent: says what the machine is and does what the manager asks (in the Dom0 image it starts by itself)")
    .action(() => run(program.version() ?? '0'));
}

async function run(version: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new CliError('failed', 'the agent of a Dom0 works with Xen and with bridges: it needs root');
  const { agentPlaces, runAgent } = await import('../agent/run-agent.ts');
  const agent = await runAgent(agentPlaces, systemClock, jsonLog('info'), version);
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  await promise;
  await agent.close();
}
