import type { HostResource } from '../api/schemas/host.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';
import { pollUntil } from './waiting.ts';

/** Waits until the last VM has left each host, and tells of each when it has. One that is given up on does not end the waiting for others. */
export async function waitUntilEmpty(terminal: Terminal, api: ApiClient, names: readonly string[], timeoutSeconds: number): Promise<void> {
  const told = new Map(names.map((name) => [name, '']));
  const failures: CliError[] = [];
  const giveUp = (name: string, failure: CliError): void => {
    told.delete(name);
    failures.push(failure);
    if (names.length > 1) terminal.error(`${printable(failure.message)}\n`);
  };
  await pollUntil(
    async () => {
      const hosts = await look(api, [...told.keys()]);
      for (const [name, before] of told) {
        const host = hosts.get(name);
        if (host === undefined) giveUp(name, new CliError('notFound', `${name} is no host any more`));
        else if (host.duty === 'active') giveUp(name, new CliError('conflict', `${name} was told to take VMs again`));
        else {
          const text = describeLeft(host);
          if (text !== before) terminal.error(`${printable(`${name}: ${text}`)}\n`);
          told.set(name, text);
          if (host.duty !== 'maintenance') continue;
          terminal.out(`${printable(name)} is in maintenance\n`);
          told.delete(name);
        }
      }
      return told.size === 0;
    },
    { timeoutSeconds, pauseMs: 1000 },
    () => {
      const left = [...told].map(([name, text]) => `${name} (${text})`);
      const [first] = told;
      const who =
        left.length === 1 && first !== undefined
          ? `${first[0]} is not empty after ${timeoutSeconds} s: ${first[1]}`
          : `${left.join(', ')} are not empty after ${timeoutSeconds} s`;
      return `${who}; virtdom manager plan says what they wait for`;
    },
  );
  const [failure, another] = failures;
  if (another !== undefined) throw new CliError('conflict', `${failures.length} of ${names.length} hosts are not to be emptied any more`);
  if (failure !== undefined) throw failure;
}

/** One that is asked for by itself costs the service least; of several, all are listed. */
async function look(api: ApiClient, names: readonly string[]): Promise<ReadonlyMap<string, HostResource>> {
  const [only = '', another] = names;
  const hosts =
    another === undefined ? [(await api.get<HostResource>(apiPath`/hosts/${only}`)).body] : await api.list<HostResource>('/hosts');
  return new Map(hosts.map((host) => [host.name, host]));
}

function describeLeft({ vms, state, reason }: HostResource): string {
  const leaving = vms.filter(({ stays }) => stays === undefined).map((vm) => `${vm.name} (${vm.state})`);
  const parts = [
    ...(vms.length === 0 ? ['no VM is left'] : []),
    ...(leaving.length === 0 ? [] : [`${leaving.join(', ')} still there`]),
    ...vms.flatMap(({ name, stays }) => (stays === undefined ? [] : [`${name} stays, since ${stays}`])),
    ...(state === 'online' ? [] : [`${state}: ${reason}`]),
  ];
  return parts.join('; ');
}
