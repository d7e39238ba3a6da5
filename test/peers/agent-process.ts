import { runAgent, type AgentPlaces } from '../../src/agent/run-agent.ts';
import { systemClock } from '../../src/clock.ts';
import { jsonLog } from '../../src/log.ts';

/** The agent as on a Dom0, with places of its own. Argument: the places as JSON. */
const places = JSON.parse(process.argv[2] ?? '{}') as AgentPlaces;
const agent = await runAgent(places, systemClock, jsonLog('info'), '0.1.0');
process.once('SIGTERM', () => void agent.close().then(() => process.exit()));
