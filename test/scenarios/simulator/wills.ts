import type { BusWill } from '../../../src/bus/bus.ts';
import { protocolVersion, topics } from '../../../src/manager/protocol.ts';
import type { ManagerPresence, Presence } from '../../../src/manager/protocol.ts';

/** What the broker says of a manager that went away. */
export function managerWill(name: string): BusWill {
  const lost: ManagerPresence = { v: protocolVersion, kind: 'PRESENCE', manager: name, state: 'lost', reason: 'the connection was lost' };
  return { topic: topics.manager(name), payload: Buffer.from(JSON.stringify(lost)), retain: true };
}

/** What the broker says of an agent that went away, in the words that the agent left with it. */
export function agentWill(machine: string, boot: number, connection: string): BusWill {
  const lost: Presence = {
    v: protocolVersion,
    kind: 'PRESENCE',
    state: 'lost',
    reason: 'the connection was lost',
    boot,
    connection,
    agent: '1',
  };
  return { topic: topics.presence(machine), payload: Buffer.from(JSON.stringify(lost)), retain: true };
}
