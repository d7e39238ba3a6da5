import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const keyBytes = 32;

/**
 * The key in `file`, made at the first call: 32 random bytes, readable by the owner alone, written whole or not at all.
 * File handles and boot tokens are signed with such keys, so they must survive restarts.
 *
 * @throws Error where the file has another length or others may read it.
 */
export function secretKey(file: string): Buffer {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    return checkedKey(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const unfinished = `${file}.${process.pid}.new`;
  const descriptor = openSync(unfinished, 'w', 0o600);
  try {
    writeSync(descriptor, randomBytes(keyBytes));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    linkSync(unfinished, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(unfinished);
  }
  return checkedKey(file);
}

function checkedKey(file: string): Buffer {
  const key = readFileSync(file);
  if (key.length !== keyBytes)
    throw new Error(`the key ${file} has ${key.length} bytes in place of ${keyBytes}: restore it, or delete it and reboot what runs`);
  if ((statSync(file).mode & 0o077) !== 0) throw new Error(`others may read the key ${file}: type chmod 600 ${file}`);
  return key;
}
