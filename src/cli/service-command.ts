import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { defaultSocket, formatApiAddress, parseApiAddress } from './api-address.ts';
import type { ApiAddress } from './api-address.ts';
import { ApiClient } from './api-client.ts';
import type { ClientLimits } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { findCredential } from './credential-file.ts';
import type { Terminal } from './terminal.ts';

/** Where the service is, as commands take it. */
export interface ServiceOptions {
  readonly server?: string;
  readonly config?: string;
}

/** A command that asks the service: it takes `--server` and `-c`. */
export function serviceCommand(parent: Command, usage: string, description: string): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--server <address>', `where the service is: unix:/path, http://host:port or https://host:port (or VIRTDOM_SERVER)`)
    .option('-c, --config <file>', 'the configuration of the service, which names its socket (or VIRTDOM_CONFIG)');
}

/** The action of such a command: `work` gets a connection, then what commander gives an action. */
export function asking(
  terminal: Terminal,
  work: (api: ApiClient, ...given: never[]) => Promise<void>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    // The last one is the command itself, and the one before it its options.
    const api = await connect(terminal, given.at(-2) as ServiceOptions);
    const ask = (service: ApiClient): Promise<void> => work(service, ...(given.slice(0, -1) as never[]));
    try {
      await ask(api);
    } catch (error) {
      const beside = isManagerOff(error) ? managerBeside(terminal, api) : undefined;
      if (beside === undefined) throw error;
      try {
        await ask(beside);
      } finally {
        beside.close();
      }
    } finally {
      api.close();
    }
  };
}

/** Nothing was done: a process without a manager refuses before it looks at anything else. */
export function isManagerOff(error: unknown): boolean {
  return error instanceof ApiProblem && error.body.type?.endsWith('/manager-off') === true;
}

/** The manager that runs by itself on the same machine has its socket beside that of the service. */
export function managerBeside(terminal: Terminal, { address }: ApiClient): ApiClient | undefined {
  if (address.kind !== 'socket') return undefined;
  const path = join(dirname(address.path), 'manager.sock');
  if (path === address.path || !existsSync(path)) return undefined;
  return clientOf(terminal, { kind: 'socket', path });
}

export async function connect(terminal: Terminal, options: ServiceOptions, limits?: Partial<ClientLimits>): Promise<ApiClient> {
  return clientOf(terminal, await findService(terminal, options), limits);
}

function clientOf(terminal: Terminal, address: ApiAddress, limits?: Partial<ClientLimits>): ApiClient {
  return new ApiClient(address, findCredential(formatApiAddress(address), terminal.environment ?? {}), limits);
}

/** `--server`, VIRTDOM_SERVER, the socket of the named configuration, or the one of a service without configuration. */
export async function findService({ environment = {} }: Terminal, { server, config }: ServiceOptions): Promise<ApiAddress> {
  if (server !== undefined) return parseApiAddress(server, '--server');
  if (environment['VIRTDOM_SERVER'] && config === undefined) return parseApiAddress(environment['VIRTDOM_SERVER'], 'VIRTDOM_SERVER');
  const file = config ?? environment['VIRTDOM_CONFIG'];
  if (!file) return { kind: 'socket', path: defaultSocket };
  // Only this way needs the readers of configurations.
  const { loadConfig } = await import('../config.ts');
  return { kind: 'socket', path: join(loadConfig(file, environment).runtimeDir, 'api.sock') };
}
