import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import type { Subnet } from '../model/subnet.ts';
import { prepareFolders } from '../service/folders.ts';
import { refuseSecondInstance } from '../service/instance-lock.ts';
import { refuseTakenPorts } from '../service/port-check.ts';
import { dropPrivileges, hasPrivilegesToDrop } from '../service/privileges.ts';
import { runService } from './run-service.ts';
import { storedSubnets } from './stored-subnets.ts';
import { configOption } from './config-option.ts';
import { objectsOfFile, servedSubnetsOf } from './objects-of-file.ts';

export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('answer DHCP, TFTP, HTTP and NFS until told to stop')
    .addOption(configOption())
    .action((options: { config: string }) => serve(options.config, program.version() ?? '0'));
}

async function serve(file: string, version: string): Promise<void> {
  const config = loadConfig(file);
  // Said while it can be said with its line, before anything is made.
  const beginning = isNew(config) ? objectsOfFile(config) : undefined;
  const subnets = beginning === undefined ? await storedSubnets(config.database) : servedSubnetsOf(beginning);
  if (hasPrivilegesToDrop()) await refuseEarly(config, subnets);
  prepareFolders([config.stateDir, config.runtimeDir], config.user);
  dropPrivileges(config.user);
  // Loaded late: `virtdom --help` needs none of it.
  const { startApp } = await import('../app.ts');
  await runService(startApp, config, version);
}

function isNew({ database }: Config): boolean {
  return !database.includes('://') && !existsSync(database);
}

const portmapPort = 111;

/** While we may still see whose the ports are. */
async function refuseEarly({ stateDir, dhcp, tftp, http, nfs, bus, manager }: Config, subnets: readonly Subnet[]): Promise<void> {
  refuseSecondInstance(join(stateDir, 'virtdom.lock'));
  const rpc = [nfs.port, nfs.mountPort, ...(nfs.portmap === 'own' ? [portmapPort] : [])];
  await refuseTakenPorts({
    interfaces: subnets.filter(({ mode }) => mode !== 'off').map((subnet) => subnet.interface),
    addresses: subnets.map(({ serverAddress }) => serverAddress),
    dhcp: dhcp.port,
    udp: [tftp.port, ...rpc],
    tcp: [http.port, ...rpc, ...(manager.run === 'inside' && bus.url === undefined ? [bus.port] : [])],
  });
}
