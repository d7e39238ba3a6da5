import { readFileSync, statSync } from 'node:fs';

/**
 * The text of a file that a person wrote, without the line end. A secret must be its owner's alone.
 * @throws Error where it cannot be read, is empty, or others may read it
 */
export function readSecretFile(file: string, { secret = true }: { readonly secret?: boolean } = {}): string {
  const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  if (text === '') throw new Error(`${file} is empty: write the password into it`);
  if (secret && (statSync(file).mode & 0o077) !== 0) throw new Error(`others may read ${file}: type chmod 600 ${file}`);
  return text;
}
