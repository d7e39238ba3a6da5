import { setTimeout as pause } from 'node:timers/promises';
import { CliError } from './cli-error.ts';

/** Asks again and again until `done` says so. Throws with the exit code of a timeout when that takes too long. */
export async function pollUntil(
  done: () => Promise<boolean>,
  { timeoutSeconds, pauseMs }: { readonly timeoutSeconds: number; readonly pauseMs: number },
  describeTimeout: () => string,
): Promise<void> {
  const endMs = performance.now() + timeoutSeconds * 1000;
  while (!(await done())) {
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) throw new CliError('timeout', describeTimeout());
    await pause(Math.min(pauseMs, leftMs));
  }
}
