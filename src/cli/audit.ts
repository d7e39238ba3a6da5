import type { Command } from 'commander';
import type { AuditResource } from '../api/schemas/audit.ts';
import { formatTime, parseCount } from './duration.ts';
import { outputOption, printItems } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

const auditView: View<AuditResource> = {
  columns: [
    { head: 'TIME (UTC)', cell: ({ at }) => formatTime(at) },
    { head: 'WHO', cell: ({ actor }) => actor },
    { head: 'VIA', cell: ({ via }) => via, wide: true },
    { head: 'ACTION', cell: ({ action }) => action },
    { head: 'OBJECT', cell: ({ object }) => object },
    { head: 'OUTCOME', cell: ({ outcome }) => outcome, tone: ({ outcome }) => (outcome === 'done' ? undefined : 'warning') },
    { head: 'REQUEST', cell: ({ requestId }) => requestId, wide: true },
    { head: 'DETAIL', cell: ({ detail }) => (Object.keys(detail).length === 0 ? '' : JSON.stringify(detail)) },
  ],
  name: ({ id }) => String(id),
  empty: 'nobody did such a thing',
};

interface AuditOptions extends OutputOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly object?: string;
  readonly limit: number;
}

/** Adds `virtdom audit list`. */
export function addAuditCommands(program: Command, terminal: Terminal): void {
  const audit = program.command('audit').description('see who did what');
  serviceCommand(audit, 'list', 'list what was done, the newest last')
    .option('--actor <actor>', 'by this user, token or root')
    .option('--action <action>', 'such as machine.assign')
    .option('--object <object>', 'to this object, such as machine/post01')
    .option('--limit <count>', 'the newest so many', parseCount, 100)
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  virtdom audit list --object template/menu.lst')
    .action(
      asking(terminal, async (api, { actor, action, object, limit, output }: AuditOptions) => {
        const entries = await api.list<AuditResource>('/audit', { actor, action, object }, limit);
        printItems(terminal, output, auditView, entries.toReversed());
        if (entries.length === limit) terminal.error(`the newest ${limit}; --limit shows more\n`);
      }),
    );
}
