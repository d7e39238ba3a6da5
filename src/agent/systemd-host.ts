import type { HostControl, Outcome } from './parts.ts';
import { runProgram } from './run-program.ts';

/** The machine by its init. */
export const systemdHost: HostControl = {
  async reboot(): Promise<Outcome> {
    const { kind, code, error } = await runProgram(['systemctl', 'reboot', '--no-block'], { timeoutMs: 30_000 });
    if (kind === 'ended' && code === 0) return { kind: 'done' };
    return { kind: 'failed', code: 'failed', reason: `systemctl reboot: ${error.trim().slice(0, 500) || kind}` };
  },
};
