import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Asks a process to end (SIGTERM), insists after `patienceMs` (SIGKILL), returns when it has ended. */
export async function endProcess(child: ChildProcess, patienceMs = 10_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await gone;
  clearTimeout(insist);
}
