import type { Command } from 'commander';
import type { ApiClient } from './api-client.ts';
import { liveEvents } from './event.ts';
import { eventView } from './event-view.ts';
import { ItemStream, outputOption } from './output.ts';
import type { OutputOptions } from './output.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** Adds `virtdom machine watch`. */
export function addMachineWatchCommand(machine: Command, terminal: Terminal): void {
  serviceCommand(machine, 'watch [machine]', 'show what happens to a machine, or to all, until Ctrl-C')
    .option('--all-packets', 'also each file and each packet that was ignored')
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  virtdom machine watch post01')
    .action(
      asking(terminal, (api, name: string | undefined, options: OutputOptions & { allPackets?: true }) =>
        watch(terminal, api, name, options),
      ),
    );
}

async function watch(
  terminal: Terminal,
  api: ApiClient,
  name: string | undefined,
  { output, allPackets }: OutputOptions & { readonly allPackets?: true },
): Promise<void> {
  const stream = new ItemStream(terminal, output, eventView);
  for await (const event of liveEvents(terminal, api, { machine: name, severity: allPackets === true ? 'debug' : undefined })) {
    if (event.machine === undefined) continue;
    if (allPackets !== true && (event.kind === 'boot.file' || event.kind === 'boot.ignored')) continue;
    stream.print(event);
    await terminal.drained?.();
  }
}
