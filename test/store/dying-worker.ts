import { parentPort } from 'node:worker_threads';
import { ThreadLink } from '../../src/thread.ts';

/** Opens and reads as the real one does, and dies of the first write. */
if (parentPort === null) throw new Error('a worker thread');
const link = new ThreadLink(parentPort, {
  open: () => ({ ok: true, applied: [] }),
  readLeases: () => new Promise(() => {}),
  writeLeases() {
    setImmediate(() => {
      throw new Error('disk on fire');
    });
    return new Promise(() => {});
  },
});
void link;
