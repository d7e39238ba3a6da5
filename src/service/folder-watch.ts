import { watch } from 'node:fs';
import type { Clock, Timer } from '../clock.ts';

/** An editor writes, renames and sets times within a moment. */
const settleMs = 200;

/** Calls back once when a folder's files have changed and been left alone for a moment. */
export function watchFolder(folder: string, clock: Clock, onChange: () => void, onError: (error: Error) => void): { close(): void } {
  let settled: Timer | undefined;
  const watcher = watch(folder, () => {
    settled?.cancel();
    settled = clock.after(settleMs, onChange);
  });
  watcher.on('error', onError);
  return {
    close() {
      settled?.cancel();
      watcher.close();
    },
  };
}
