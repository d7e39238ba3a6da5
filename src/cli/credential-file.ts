import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError } from './cli-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where tokens are kept: a line `SERVER TOKEN ID` for each service, or a line with a token alone for all of them. */
export function credentialFile(environment: Environment): string {
  const configured = environment['XDG_CONFIG_HOME'];
  const home = configured === undefined || configured === '' ? join(environment['HOME'] ?? homedir(), '.config') : configured;
  return join(home, 'virtdom', 'token');
}

/**
 * The token for a service: VIRTDOM_TOKEN's, else the file's, else none. A file that others may read is refused: its tokens
 * are no secret any more.
 * @param server as {@link formatApiAddress} gives it
 */
export function findToken(server: string, environment: Environment): string | undefined {
  const given = environment['VIRTDOM_TOKEN']?.trim();
  if (given !== undefined && given !== '') return checked(given, 'VIRTDOM_TOKEN');
  const file = credentialFile(environment);
  const lines = readLines(file);
  const own = lines.find(([name, token]) => token !== undefined && name === server)?.[1];
  const token = own ?? lines.find((parts) => parts.length === 1)?.[0];
  return token === undefined ? undefined : checked(token, file);
}

export interface KeptToken {
  readonly token: string;
  /** What the service calls it. */
  readonly id: string | undefined;
}

/** The token that was kept for a service by a log-in. */
export function keptToken(server: string, environment: Environment): KeptToken | undefined {
  const [, token, id] = readLines(credentialFile(environment)).find(([name, secret]) => name === server && secret !== undefined) ?? [];
  return token === undefined ? undefined : { token: checked(token, credentialFile(environment)), id };
}

/** Keeps the token for a service, in place of an older one; `undefined` takes it away. */
export function keepToken(server: string, kept: KeptToken | undefined, environment: Environment): void {
  const file = credentialFile(environment);
  const others = readLines(file).filter(([name, token]) => token === undefined || name !== server);
  const lines = kept === undefined ? others : [...others, [server, kept.token, ...(kept.id === undefined ? [] : [kept.id])]];
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, lines.map((parts) => `${parts.join(' ')}\n`).join(''), { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}

function readLines(file: string): string[][] {
  let text: string;
  try {
    const { mode } = statSync(file);
    if ((mode & 0o077) !== 0)
      throw new CliError(
        'failed',
        `${file} holds a secret, and others may read it (mode ${(mode & 0o777).toString(8)})`,
        `chmod 600 ${file}`,
      );
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/));
}

/** It becomes a header: no other letter may get there. */
function checked(token: string, from: string): string {
  if (/^[\u0021-\u007e]{1,512}$/.test(token)) return token;
  throw new CliError('failed', `${from}: expected one token, without spaces`);
}
