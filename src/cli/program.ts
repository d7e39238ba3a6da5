import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../documents/problems.ts';
import { CliError, DocumentError, exitCodes } from './cli-error.ts';
import { printableLines } from './printable.ts';
import { processTerminal } from './terminal.ts';
import type { Terminal } from './terminal.ts';

/** Adds a command, or a group of them, to the program. */
type AddCommands = (program: Command, terminal: Terminal) => void;

/** Commands by their first word, each loaded only when it is needed: `virtdom config` does not wait for the image builder. */
export type CommandTable = Readonly<Record<string, () => Promise<AddCommands>>>;

/**
 * Runs one command line and returns the exit code. Errors become text on standard error: never a stack trace, unless `debug`.
 * @param words the arguments after the program's name
 */
export async function runProgram(
  commands: CommandTable,
  version: string,
  words: readonly string[],
  { terminal = processTerminal(), debug = false }: { readonly terminal?: Terminal; readonly debug?: boolean } = {},
): Promise<number> {
  const program = new Command('virtdom')
    .description('Boots machines that have nothing on their disks: DHCP, TFTP, HTTP and NFS in one service')
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    // `template get --version 3` means its own option, not the program's.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.error,
      outputError: (text, write) => write(text.replace(/^error: /, 'virtdom: ')),
    })
    .showHelpAfterError('Try --help behind the command.');
  try {
    for (const load of commandsFor(commands, words)) (await load())(program, terminal);
    await program.parseAsync(words, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    // The service and files of others have a part in these texts.
    terminal.error(printableLines(`${describeError(error, debug)}\n`));
    return error instanceof CliError ? error.exitCode : exitCodes.failed;
  }
}

function commandsFor(commands: CommandTable, [first = '']: readonly string[]): (() => Promise<AddCommands>)[] {
  const named = Object.hasOwn(commands, first) ? commands[first] : undefined;
  return named === undefined ? Object.values(commands) : [named];
}

function describeError(error: unknown, debug: boolean): string {
  const lines: string[] = [];
  if (error instanceof ConfigError) {
    const count = error.problems.length;
    const where = error instanceof DocumentError ? '' : ' in the configuration';
    lines.push(error.message, `virtdom: ${count} ${count === 1 ? 'problem' : 'problems'}${where}, nothing was done`);
  } else {
    lines.push(`virtdom: ${causes(error).join(': ')}`);
    if (error instanceof CliError && error.next !== undefined) lines.push(error.next);
  }
  if (debug && error instanceof Error) lines.push(error.stack ?? '');
  return lines.join('\n');
}

/** The messages from the outside in, without those that an outer one repeats. */
function causes(error: unknown): string[] {
  if (!(error instanceof Error)) return error === undefined ? [] : [inspect(error)];
  const inner = causes(error.cause).filter((message) => !error.message.includes(message));
  return [error.message, ...inner];
}
