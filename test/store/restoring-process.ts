import { restoreDatabase } from '../../src/store/backup.ts';

/** Restores, says so after that many rows, and stops there, to be killed. */
const [, , database = '', file = '', rows] = process.argv;
await restoreDatabase({
  database,
  file,
  replace: true,
  onProgress(progress) {
    if (progress.rows < Number(rows)) return;
    process.stdout.write('here\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
