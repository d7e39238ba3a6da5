import type { Command } from 'commander';
import { CliError } from './cli-error.ts';

/** Adds `virtdom lab demo`. */
export function addLabCommands(program: Command): void {
  program
    .command('lab')
    .description('rehearse boots on virtual machines in a network of their own')
    .command('demo')
    .description('boot a machine without disks into Xen, served by this virtdom, and show how it goes')
    .action(demo);
}

async function demo(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new CliError('failed', 'the demo needs root, for network namespaces and ports below 1024', 'Type: sudo make demo');
  const { LabDemo } = await import('./lab-demo.ts');
  process.exitCode = await new LabDemo(process.stdout).run();
}
