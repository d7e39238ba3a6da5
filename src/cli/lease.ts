import type { Command } from 'commander';
import type { LeaseResource } from '../api/schemas/lease.ts';
import { apiPath } from './api-client.ts';
import { confirm } from './confirmation.ts';
import { formatAge, formatTime, parseCount } from './duration.ts';
import { outputOption, printItems } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

function leaseView(nowMs: number): View<LeaseResource> {
  return {
    columns: [
      { head: 'ADDRESS', cell: ({ address }) => address },
      { head: 'MAC', cell: ({ mac }) => mac },
      { head: 'MACHINE', cell: ({ machine, hostName }) => machine ?? (hostName === undefined ? undefined : `(${hostName})`) },
      { head: 'STATE', cell: ({ state }) => state, tone: ({ state }) => (state === 'declined' ? 'warning' : undefined) },
      { head: 'GRANTED', cell: ({ grantedAt }) => `${formatAge(grantedAt, nowMs)} ago`, align: 'right' },
      { head: 'ENDS (UTC)', cell: ({ expiresAt }) => formatTime(expiresAt) },
      { head: 'SUBNET', cell: ({ subnet }) => subnet },
      { head: 'REASON', cell: ({ reason }) => reason, wide: true },
    ],
    name: ({ address }) => address,
    empty: 'no lease fits',
  };
}

interface ListOptions extends OutputOptions {
  readonly subnet?: string;
  readonly machine?: string;
  readonly state?: string;
  readonly search?: string;
  readonly sort?: string;
  readonly limit?: number;
}

/** Adds `virtdom lease list|delete`. */
export function addLeaseCommands(program: Command, terminal: Terminal): void {
  const lease = program.command('lease').description('see who has which address');

  serviceCommand(lease, 'list', 'list leases')
    .option('--subnet <subnet>', 'of this subnet')
    .option('-m, --machine <machine>', 'of this machine')
    .option('--state <states>', 'bound, expired, released or declined; several with commas between')
    .option('-q, --search <text>', 'a text in the address, the MAC, the machine or the host name')
    .option('--sort <field>', 'address, expiresAt or grantedAt; falling with a dash before it')
    .option('--limit <count>', 'at most so many', parseCount)
    .addOption(outputOption())
    .action(
      asking(terminal, async (api, { subnet, machine, state, search: q, sort, limit, output }: ListOptions) => {
        const leases = await api.list<LeaseResource>('/leases', { subnet, machine, state, q, sort }, limit);
        printItems(terminal, output, leaseView(terminal.now?.() ?? Date.now()), leases);
      }),
    );

  serviceCommand(lease, 'delete <address>', 'free an address whose client is gone for good; asks first')
    .option('--force', 'also one that is in use: its client goes on using the address until it asks again')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'let the service check it and free nothing')
    .action(
      asking(terminal, async (api, address: string, { force, yes, dryRun }: { force?: true; yes?: true; dryRun?: true }) => {
        const question = `Free ${printable(address)}? A client that still uses it may come to share it with another one.`;
        if (dryRun !== true) await confirm(terminal, question, yes);
        await api.request('DELETE', apiPath`/leases/${address}`, { query: { force, dryRun } });
        terminal.out(`${printable(address)} freed\n`);
        if (dryRun === true) terminal.error('dry run: nothing was changed\n');
      }),
    );
}
