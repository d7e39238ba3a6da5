import { networkInterfaces } from 'node:os';
import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { loadConfig, resolveSubnets } from '../config.ts';
import { jsonLog } from '../log.ts';
import { prepareFolders } from '../service/folders.ts';
import { dropPrivileges } from '../service/privileges.ts';
import { configOption } from './config-option.ts';

export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('answer DHCP, TFTP, HTTP and NFS until told to stop')
    .addOption(configOption())
    .action((options: { config: string }) => serve(options.config));
}

async function serve(file: string): Promise<void> {
  const config = loadConfig(file);
  const subnets = resolveSubnets(config, networkInterfaces());
  prepareFolders([config.stateDir, config.runtimeDir], config.user);
  dropPrivileges(config.user);
  const log = jsonLog(config.logLevel);
  const ended = Promise.withResolvers<void>();
  // Loaded late: `virtdom --help` needs none of it.
  const { startApp } = await import('../app.ts');
  const app = await startApp({ config, subnets, clock: systemClock, log, onFailure: ended.reject });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      ended.resolve();
    });
  }
  try {
    await ended.promise;
  } finally {
    await app.close();
  }
}
