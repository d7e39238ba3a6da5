import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError } from './cli-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a request shows of who it is from: a token, or the cookie of a session. */
export type Credential = { readonly kind: 'token'; readonly token: string } | { readonly kind: 'session'; readonly cookie: string };

/** Where credentials are kept: a line `SERVER CREDENTIAL` for each service, or a line with a token alone for all of them. */
export function credentialFile(environment: Environment): string {
  const configured = environment['XDG_CONFIG_HOME'];
  const home = configured === undefined || configured === '' ? join(environment['HOME'] ?? homedir(), '.config') : configured;
  return join(home, 'virtdom', 'token');
}

/**
 * VIRTDOM_TOKEN's, else the file's for this service, else none. A file that others may read is refused: what it holds is no
 * secret any more.
 * @param server as `formatApiAddress` gives it
 */
export function findCredential(server: string, environment: Environment): Credential | undefined {
  const given = environment['VIRTDOM_TOKEN']?.trim();
  if (given !== undefined && given !== '') return credentialOf(given, 'VIRTDOM_TOKEN');
  const file = credentialFile(environment);
  const shared = readLines(file).find((parts) => parts.length === 1)?.[0];
  return keptCredential(server, environment) ?? (shared === undefined ? undefined : credentialOf(shared, file));
}

/** What was kept for this very service. */
export function keptCredential(server: string, environment: Environment): Credential | undefined {
  const file = credentialFile(environment);
  const secret = readLines(file).find(([name, second]) => name === server && second !== undefined)?.[1];
  return secret === undefined ? undefined : credentialOf(secret, file);
}

/** Keeps the credential for a service, in place of an older one; `undefined` takes it away. */
export function keepCredential(server: string, credential: Credential | undefined, environment: Environment): void {
  const file = credentialFile(environment);
  const others = readLines(file).filter(([name, second]) => second === undefined || name !== server);
  const lines =
    credential === undefined ? others : [...others, [server, credential.kind === 'token' ? credential.token : credential.cookie]];
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

/** It becomes a header: no letter may get there that ends one. */
function credentialOf(secret: string, from: string): Credential {
  if (!/^[\u0021-\u007e]{1,512}$/.test(secret)) throw new CliError('failed', `${from}: expected one token, without spaces`);
  return /^[\w-]+=/.test(secret) && !secret.startsWith('vd_') ? { kind: 'session', cookie: secret } : { kind: 'token', token: secret };
}
