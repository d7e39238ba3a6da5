import { setTimeout as pause } from 'node:timers/promises';
import { CliError } from './cli-error.ts';
import { NoServiceError } from './connection-failure.ts';

/**
 * Asks again and again until `done` says so. Throws with the exit code of a timeout when that takes too long. A service that
 * was there once may be away for a while: it is started anew, and what is waited for goes on.
 */
export async function pollUntil(
  done: () => Promise<boolean>,
  { timeoutSeconds, pauseMs }: { readonly timeoutSeconds: number; readonly pauseMs: number },
  describeTimeout: () => string,
): Promise<void> {
  const endMs = performance.now() + timeoutSeconds * 1000;
  let answered = false;
  for (;;) {
    try {
      if (await done()) return;
      answered = true;
    } catch (error) {
      if (!answered || !(error instanceof NoServiceError)) throw error;
    }
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) throw new CliError('timeout', describeTimeout());
    await pause(Math.min(pauseMs, leftMs));
  }
}
