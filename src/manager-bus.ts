import type { AgentAccess } from './bus/agent-access.ts';
import { mayPublish, maySubscribe } from './bus/agent-access.ts';
import type { Bus, BusWill } from './bus/bus.ts';
import { credential, parseAgentUsername } from './bus/credential.ts';
import { EmbeddedBroker } from './bus/embedded-broker.ts';
import { MqttBus } from './bus/mqtt-bus.ts';
import type { Clock } from './clock.ts';
import type { BusSettings } from './config.ts';
import type { NewEvent } from './events/event-store.ts';
import type { HostBoots } from './host-boots.ts';
import type { Log } from './log.ts';
import { protocolVersion, topics } from './manager/protocol.ts';
import type { ManagerPresence } from './manager/protocol.ts';
import { readSecretFile } from './service/secret-file.ts';

export interface ManagerBusParts {
  readonly bus: BusSettings;
  /** Of this manager. */
  readonly name: string;
  readonly boots: HostBoots;
  /** What the credentials of boots are made of. */
  readonly busKey: Uint8Array;
  readonly tell: (event: NewEvent) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ManagerBus extends AsyncDisposable {
  readonly bus: Bus;
  /** `embedded`, or the URL of the broker. */
  readonly kind: string;
}

/** What one agent does against the rules is told, and then not again for so long. */
const toldAgainMs = 60_000;
const mostTold = 4096;

const agentAccess: AgentAccess = {
  publish: (machine) => [topics.fromAgent(machine), topics.presence(machine)],
  subscribe: (machine) => [topics.toAgent(machine), topics.group('+'), topics.everyManager],
};

/** The manager's connection to its agents: a broker in this process, or one that somebody else runs. */
export function startManagerBus(parts: ManagerBusParts): Promise<ManagerBus> {
  return parts.bus.url === undefined ? startEmbedded(parts) : Promise.resolve(connectTo(parts.bus.url, parts));
}

async function startEmbedded({ bus: { address, port }, name, boots, busKey, tell, clock, log }: ManagerBusParts): Promise<ManagerBus> {
  await using started = new AsyncDisposableStack();
  const lastMs = new Map<string, number>();
  const told = (kind: 'agent.flood' | 'agent.refused') => (username: string, reason: string) => {
    // One packet may ask for thousands of things.
    const nowMs = clock.monotonic();
    if (nowMs - (lastMs.get(`${kind} ${username}`) ?? Number.NEGATIVE_INFINITY) < toldAgainMs) return;
    if (lastMs.size >= mostTold) lastMs.clear();
    lastMs.set(`${kind} ${username}`, nowMs);
    const machine = parseAgentUsername(username)?.machine;
    tell({ atMs: clock.now(), kind, severity: 'warning', ...(machine !== undefined && { machine }), detail: { username, reason } });
  };
  const broker = await EmbeddedBroker.start({
    address,
    port,
    clock,
    log,
    credentialOf(username) {
      const identity = parseAgentUsername(username);
      // A boot that is over has nothing to say any more.
      if (identity === undefined || boots.newest(identity.machine)?.boot !== identity.boot) return undefined;
      return Buffer.from(credential(busKey, username));
    },
    mayPublish: (username, topic) => mayPublish(agentAccess, username, topic),
    maySubscribe: (username, filter) => maySubscribe(agentAccess, username, filter),
    onFlood: told('agent.flood'),
    onRefused: told('agent.refused'),
  });
  started.defer(() => broker.close());
  started.defer(
    boots.subscribe(({ machine, boot }) => {
      for (const username of broker.usernames) {
        const identity = parseAgentUsername(username);
        if (identity?.machine === machine && identity.boot < boot) broker.disconnect(username);
      }
    }),
  );
  const bus = broker.connectLocal(`manager/${name}`, { will: willOf(name) });
  started.defer(() => bus.close());
  const running = started.move();
  return { bus, kind: 'embedded', [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** What agents and other managers read when this one goes without goodbye. */
function willOf(manager: string): BusWill {
  const presence: ManagerPresence = {
    v: protocolVersion,
    kind: 'PRESENCE',
    manager,
    state: 'lost',
    reason: 'its connection to the bus ended without goodbye',
  };
  return { topic: topics.manager(manager), payload: Buffer.from(JSON.stringify(presence)), retain: true };
}

function connectTo(url: string, { bus, name, clock, log }: ManagerBusParts): ManagerBus {
  const { username, passwordFile, ca } = bus;
  const connection = new MqttBus({
    url,
    clientId: `virtdom-manager-${name}`,
    ...(username !== undefined && { username }),
    ...(passwordFile !== undefined && { password: readSecretFile(passwordFile) }),
    ...(ca !== undefined && { ca: readSecretFile(ca, { secret: false }) }),
    session: 'kept',
    will: willOf(name),
    clock,
    log,
  });
  return { bus: connection, kind: url, [Symbol.asyncDispose]: () => connection.close() };
}
