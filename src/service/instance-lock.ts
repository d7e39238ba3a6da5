import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import koffi from 'koffi';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Another process works on the same state folder. */
export class InstanceLockError extends Error {
  override readonly name = 'InstanceLockError';
}

export interface InstanceLock {
  release(): void;
}

/** Throws InstanceLockError where another process works on the state folder of this lock; changes nothing. */
export function refuseSecondInstance(file: string): void {
  if (existsSync(file)) takeInstanceLock(file).release();
}

/**
 * Makes this process the only one on a state folder, by flock(2): the kernel drops the lock with the process, so a crash
 * leaves nothing to clean up. Needed because listeners with SO_REUSEPORT would share a port with a second server in silence.
 *
 * @throws InstanceLockError that names the process which holds it.
 */
export function takeInstanceLock(file: string): InstanceLock {
  mkdirSync(dirname(file), { recursive: true });
  const descriptor = openSync(file, 'a+', 0o600);
  const flock = koffi.load('libc.so.6').func('int flock(int fd, int operation)');
  if (flock(descriptor, LOCK_EX | LOCK_NB) !== 0) {
    const holder = readFileSync(file, 'utf8').trim();
    closeSync(descriptor);
    throw new InstanceLockError(
      `another virtdom (process ${holder || 'unknown'}) already works on ${dirname(file)}: stop it, or give this one a stateDir of its own`,
    );
  }
  ftruncateSync(descriptor);
  writeSync(descriptor, `${process.pid}\n`);
  return { release: () => closeSync(descriptor) };
}
