import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Why a file must not be in an image, which every machine of the network may read. */
export interface FoundSecret {
  readonly path: string;
  readonly what: string;
}

/** Files whose names alone say what they hold. */
const secretNames: readonly { readonly name: RegExp; readonly what: string }[] = [
  { name: /\/etc\/ssh\/ssh_host_[^/]*_key$/, what: 'an ssh host key' },
  { name: /\/var\/lib\/systemd\/(random-seed|credential\.secret)$/, what: 'a seed or key that must differ between machines' },
  { name: /\/etc\/(ppp\/(chap|pap)-secrets|virtdom\/token|ipmi_password)$/, what: 'a file for secrets' },
  { name: /\/(\.netrc|\.pgpass|\.git-credentials|\.vault-token)$/, what: 'a file for passwords' },
];

const privateKey = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/;
/** Programs and their documentation; they speak of keys, but hold none. */
const withoutKeys = /^\/(usr|boot|proc|sys|dev)\//;
const headBytes = 4096;

/** Looks for what must be made anew at each boot instead: host keys, password hashes, machine-id, tokens. */
export function findSecrets(root: string): FoundSecret[] {
  const found: FoundSecret[] = [];
  visit(root, '', (path) => {
    // What stands in /flash/etc is /etc on the machine.
    const meant = path.replace(/^\/flash(?=\/)/, '');
    const byName = secretNames.find(({ name }) => name.test(meant));
    const what = byName?.what ?? secretInContent(join(root, path), meant);
    if (what !== undefined) found.push({ path, what });
  });
  return found;
}

function visit(root: string, path: string, onFile: (path: string) => void): void {
  for (const name of readdirSync(join(root, path)).sort()) {
    const inner = `${path}/${name}`;
    const found = lstatSync(join(root, inner));
    if (found.isDirectory() && !found.isSymbolicLink()) visit(root, inner, onFile);
    else if (found.isFile() && found.size > 0) onFile(inner);
  }
}

function secretInContent(file: string, meant: string): string | undefined {
  if (/^\/etc\/g?shadow-?$/.test(meant)) return passwordProblem(readFileSync(file, 'utf8'));
  if (/^\/(etc|var\/lib\/dbus)\/machine-id$/.test(meant)) {
    return /^(uninitialized)?\s*$/.test(readFileSync(file, 'utf8')) ? undefined : 'a machine-id, which must differ between machines';
  }
  if (/^\/etc\/apt\/(sources\.list|auth\.conf)/.test(meant)) {
    const text = readFileSync(file, 'utf8');
    return /:\/\/[^/\s]*:[^/\s]*@/.test(text) || /^\s*(machine\b.*)?\bpassword\b/m.test(text)
      ? 'a password for a package archive'
      : undefined;
  }
  if (withoutKeys.test(meant)) return undefined;
  return privateKey.test(head(file)) ? 'a private key' : undefined;
}

/** shadow(5): only a field that no password fits is harmless. An empty one lets everybody in. */
function passwordProblem(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const [name, password] = line.split(':');
    if (name === undefined || name === '' || password === undefined || /^[!*]+$/.test(password)) continue;
    return password === '' ? `the account ${name} without password` : `the password hash of ${name}`;
  }
  return undefined;
}

function head(file: string): string {
  const buffer = Buffer.alloc(headBytes);
  const descriptor = openSync(file, 'r');
  try {
    return buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, headBytes, 0));
  } finally {
    closeSync(descriptor);
  }
}
