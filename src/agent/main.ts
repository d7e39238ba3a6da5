import project from '../../package.json' with { type: 'json' };
import { systemClock } from '../clock.ts';
import { jsonLog } from '../log.ts';
import { agentPlaces, runAgent } from './run-agent.ts';

/** The agent alone, as the Dom0 image has it: bundled into one file. */

const log = jsonLog('info');
// What nobody expected ends the process: systemd starts it anew, and it finds in its record what it was doing.
for (const surprise of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(surprise, (error: unknown) => {
    log.error({ err: error }, 'the agent ends by an error that nobody expected');
    process.exit(1);
  });
}
const agent = await runAgent(agentPlaces, systemClock, log, project.version);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void agent.close().then(() => process.exit(0)));
