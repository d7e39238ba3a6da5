import type { Command } from 'commander';
import type { ApiClient } from './api-client.ts';
import { liveEvents } from './event.ts';
import { eventView } from './event-view.ts';
import { ItemStream, outputOption } from './output.ts';
import type { OutputOptions } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** What an event of the VM manager says in its detail of what it is about. */
type Subject = 'vm' | 'environment';

/** Adds `watch` to a noun: events about one of them, or about all. */
export function addVmWatchCommand(noun: Command, terminal: Terminal, subject: Subject): void {
  serviceCommand(noun, `watch [${subject}]`, `show what happens to one, or to all, until Ctrl-C`)
    .addOption(outputOption())
    .action(asking(terminal, (api, name: string | undefined, options: OutputOptions) => watch(terminal, api, subject, name, options)));
}

async function watch(
  terminal: Terminal,
  api: ApiClient,
  subject: Subject,
  name: string | undefined,
  { output }: OutputOptions,
): Promise<void> {
  const stream = new ItemStream(terminal, output, eventView);
  for await (const event of liveEvents(terminal, api, { kind: 'vm.*,environment.*,command.*,manager.*' })) {
    const about = event.detail[subject];
    // A hold is about all of them.
    if (about === undefined ? !event.kind.startsWith('manager.') : name !== undefined && about !== name) continue;
    stream.print(event);
    await terminal.drained?.();
  }
}
