import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

const exclusive = 2;
const nonBlocking = 4;

/**
 * Runs `work` while no other process publishes or deletes in this images folder. The kernel frees the lock when its
 * holder dies (flock(2)), so there is nothing to clean up.
 */
export async function withImagesLock<Result>(images: string, work: () => Promise<Result>, onWait: () => void = () => {}): Promise<Result> {
  mkdirSync(images, { recursive: true });
  const flock = koffi.load('libc.so.6').func('int flock(int fd, int operation)') as (descriptor: number, operation: number) => number;
  const descriptor = openSync(join(images, '.lock'), 'a');
  try {
    for (let waits = 0; flock(descriptor, exclusive | nonBlocking) !== 0; waits++) {
      if (waits === 0) onWait();
      await sleep(100);
    }
    return await work();
  } finally {
    closeSync(descriptor);
  }
}
