import { parentPort, workerData } from 'node:worker_threads';
import { ThreadLink } from '../../src/thread.ts';

/** Opens as the real one does, never answers a reading, and dies of the first write, or of the first reading if it is the reader. */
if (parentPort === null) throw new Error('a worker thread');
const { use } = workerData as { use: string };
const link = new ThreadLink(parentPort, {
  open: () => ({ ok: true, applied: [] }),
  close() {},
  run(group: string) {
    if (use === 'read' || group === 'writes') {
      setImmediate(() => {
        throw new Error('disk on fire');
      });
    }
    return new Promise(() => {});
  },
});
void link;
