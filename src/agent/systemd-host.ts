import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { HostControl } from './parts.ts';
import { runProgram } from './run-program.ts';

/** So that the answer to who asked for it is on its way before the network goes down. */
const answerMs = 2000;

/** The machine by its init. `failed` is called where it does not begin to go down. */
export function systemdHost(clock: Clock, log: Log, failed: () => void): HostControl {
  return {
    reboot() {
      clock.after(answerMs, () => {
        void runProgram(['systemctl', 'reboot', '--no-block'], { timeoutMs: 30_000 }).then(({ kind, code, error }) => {
          if (kind === 'ended' && code === 0) return;
          log.error({ how: kind, code, said: error.trim().slice(0, 500) }, 'this machine cannot be rebooted by systemctl');
          failed();
        });
      });
      return Promise.resolve({ kind: 'done' });
    },
  };
}
