import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { prepareFolders } from '../service/folders.ts';
import { refuseSecondInstance } from '../service/instance-lock.ts';
import { dropPrivileges } from '../service/privileges.ts';
import { CliError } from './cli-error.ts';
import { configOption } from './config-option.ts';
import { addManagerCommands } from './manager.ts';
import { runService } from './run-service.ts';
import type { Terminal } from './terminal.ts';
import { join } from 'node:path';

/** `virtdom manager` by itself runs one; its subcommands ask one. */
export function addManager(program: Command, terminal: Terminal): void {
  addManagerCommands(program, terminal)
    .addOption(configOption())
    .action((options: { config: string }) => run(options.config, program.version() ?? '0'));
}

async function run(file: string, version: string): Promise<void> {
  const config = loadConfig(file);
  if (config.manager.run !== 'apart')
    throw new CliError(
      'usage',
      `${config.file} says manager.run: ${config.manager.run}, so this manager is not expected`,
      'Write manager: { run: apart } for the servers and for this one; what an installed manager does says virtdom manager status',
    );
  refuseSecondInstance(join(config.stateDir, 'manager.lock'));
  prepareFolders([config.stateDir, config.runtimeDir], config.user);
  dropPrivileges(config.user);
  // Loaded late: the subcommands need none of it.
  const { startManagerApp } = await import('../manager-app.ts');
  await runService(startManagerApp, config, version);
}
