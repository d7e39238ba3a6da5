import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { VmConsole } from '../api/schemas/vm.ts';
import { apiPath } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { ApiProblem } from './api-problem.ts';
import { newPart } from './console-tail.ts';
import { parseCount, parseSeconds } from './duration.ts';
import { writeText } from './output.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Terminal } from './terminal.ts';

interface ConsoleOptions {
  readonly follow?: true;
  readonly bytes: number;
  readonly every: number;
}

const mostBytes = 64 * 1024;
const slowestSeconds = 10;

/** Adds `virtdom vm console`. */
export function addVmConsoleCommand(noun: Command, terminal: Terminal): void {
  serviceCommand(noun, 'console <vm>', 'print the end of what a VM wrote on its console')
    .option('-f, --follow', 'go on with what it writes, until Ctrl-C')
    .option('--bytes <count>', 'so much of its end', parseCount, 8192)
    .option('--every <time>', 'how often to look while something comes', parseSeconds, 2)
    .action(asking(terminal, (api, name: string, options: ConsoleOptions) => showConsole(terminal, api, name, options)));
}

async function showConsole(terminal: Terminal, api: ApiClient, name: string, { follow, bytes, every }: ConsoleOptions): Promise<void> {
  const read = async (): Promise<string> => {
    const { body } = await api.get<VmConsole>(apiPath`/vms/${name}:console`, { bytes: Math.min(bytes, mostBytes) });
    return body.text;
  };
  let shown = await read();
  write(terminal, shown);
  if (follow !== true) return;
  let seconds = Math.max(1, every);
  for (;;) {
    await pause(seconds * 1000);
    const text = await patiently(terminal, read, shown);
    const { isWhole, text: part } = newPart(shown, text);
    if (!isWhole) terminal.error(`… what ${printable(name)} wrote between is not to be had any more\n`);
    write(terminal, part);
    // Each look is work for the agent: where nothing comes, fewer do.
    seconds = part === '' ? Math.min(seconds * 1.5, Math.max(every, slowestSeconds)) : Math.max(1, every);
    shown = text;
    await terminal.drained?.();
  }
}

/** A host that is silent for a while is no reason to end. */
async function patiently(terminal: Terminal, read: () => Promise<string>, before: string): Promise<string> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 409) throw error;
    terminal.error(`${printable(error.message)}\n`);
    return before;
  }
}

function write(terminal: Terminal, text: string): void {
  // A console ends its lines for a typewriter; elsewhere than on a terminal it stays as it was written.
  writeText(terminal, terminal.columns === undefined ? text : text.replaceAll('\r\n', '\n'));
}
