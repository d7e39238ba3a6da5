import { CliError } from './cli-error.ts';
import type { Terminal } from './terminal.ts';

/** A password from standard input where `--password-stdin` was given, else asked for without an echo. */
export async function readPassword(
  terminal: Terminal,
  question: string,
  { fromStdin, twice }: { fromStdin: boolean; twice: boolean },
): Promise<string> {
  if (fromStdin) {
    const password = (await terminal.input?.())?.replace(/\r?\n$/, '') ?? '';
    if (password === '' || /[\r\n]/.test(password)) throw new CliError('usage', 'expected the password as the only line of standard input');
    return password;
  }
  if (terminal.ask === undefined)
    throw new CliError('usage', 'a password is needed, and nobody is here to type it', 'Give it on standard input with --password-stdin');
  const password = await terminal.ask(`${question}: `, 'hidden');
  if (password === undefined || password === '') throw new CliError('failed', 'no password was given, nothing was done');
  if (twice && (await terminal.ask(`${question}, once more: `, 'hidden')) !== password)
    throw new CliError('failed', 'the two are not the same, nothing was done');
  return password;
}
