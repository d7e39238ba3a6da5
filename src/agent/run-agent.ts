import { randomUUID } from 'node:crypto';
import { mkdirSync, statfsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { BusWill } from '../bus/bus.ts';
import { MqttBus } from '../bus/mqtt-bus.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { protocolVersion, topics } from '../manager/protocol.ts';
import { Agent } from './agent.ts';
import { ConsoleLogs } from './console-logs.ts';
import { FileRecord } from './file-record.ts';
import { HttpImageCache } from './http-image-cache.ts';
import { IpNetworks } from './ip-networks.ts';
import { XlMigration } from './migration/xl-migration.ts';
import { openLocalProperties } from './properties/open-local-properties.ts';
import { runProgram } from './run-program.ts';
import { waitForSession } from './session-file.ts';
import type { AgentSession } from './session-file.ts';
import { systemdHost } from './systemd-host.ts';
import { XlHypervisor } from './xl-hypervisor.ts';

export interface AgentPlaces {
  /** What the hello script keeps of the server's answer. */
  readonly session: string;
  /** In RAM, for root alone; outlives the process, not the boot. */
  readonly record: string;
  readonly images: string;
  readonly consoles: string;
  readonly xlLogs: string;
  readonly properties: string;
  readonly plugins: string;
}

export const agentPlaces: AgentPlaces = {
  session: '/run/virtdom/session.json',
  record: '/run/virtdom/agent',
  images: '/flash/virtdom/images',
  consoles: '/var/log/xen/console',
  xlLogs: '/var/log/xen',
  properties: '/etc/virtdom/properties.d',
  plugins: '/etc/virtdom/plugins',
};

/** Of the tmpfs that the images lie on: the rest is for logs, and for the Dom0 itself. */
const imageShare = 0.5;
const ipMs = 20_000;

interface RunningAgent {
  close(): Promise<void>;
}

/** Builds the agent of this machine from the machine's own parts and starts it. */
export async function runAgent(places: AgentPlaces, clock: Clock, log: Log, version: string): Promise<RunningAgent> {
  const session = await waitForSession(places.session, clock, log);
  const { machine, boot, server } = session;
  for (const dir of [places.record, places.images]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const hypervisor = new XlHypervisor({ dir: places.record, log });
  const migration = new XlMigration({ hypervisor, clock, log });
  const consoles = new ConsoleLogs({ dir: places.consoles, xlDir: places.xlLogs, clock, log });
  const properties = openLocalProperties({
    machine,
    clock,
    log,
    definitions: places.properties,
    plugins: places.plugins,
    pluginUser: 'virtdom-plugin',
  });
  const { blocks, bsize } = statfsSync(places.images);
  const connection = new NamedConnection(session, version);
  const bus = new MqttBus({
    ...session.bus,
    // The manager's own broker wants it so; of another one many agents may share a user.
    clientId: session.bus.psk === true && session.bus.username !== undefined ? session.bus.username : `virtdom-agent-${machine}-${boot}`,
    will: () => connection.next(),
    clock,
    log,
  });
  log.info({ machine, boot, bus: session.bus.url, version }, 'the agent starts');
  bus.onState((state) => log.info(state.kind === 'connected' ? {} : { reason: state.reason }, `the bus is ${state.kind}`));
  const agent = await Agent.start({
    identity: { machine, boot },
    bus,
    connectionId: () => connection.id,
    clock,
    log,
    hypervisor,
    migration,
    consoles,
    networks: new IpNetworks({
      addressOf,
      ip: (words, input) => runProgram(['ip', ...words], { timeoutMs: ipMs, ...(input !== undefined && { input }) }),
    }),
    images: new HttpImageCache({ dir: places.images, server, clock, log, maxBytes: Math.floor(blocks * bsize * imageShare) }),
    properties,
    record: new FileRecord(join(places.record, 'record'), log),
    // An agent that is started anew takes commands again.
    host: systemdHost(clock, log, () => process.exit(1)),
    version,
    newId: randomUUID,
  });
  return {
    async close() {
      await agent.close();
      await migration.close();
      consoles.close();
      await bus.close();
    },
  };
}

function addressOf(name: string): string | undefined {
  return networkInterfaces()[name]?.find(({ family }) => family === 'IPv4')?.address;
}

/** Each connection has an id that its will names, so that the end of an earlier one is not taken for the end of this. */
class NamedConnection {
  id = 'none';
  readonly #session: AgentSession;
  readonly #version: string;

  constructor(session: AgentSession, version: string) {
    this.#session = session;
    this.#version = version;
  }

  next(): BusWill {
    const { machine, boot } = this.#session;
    this.id = randomUUID();
    const presence = {
      v: protocolVersion,
      kind: 'PRESENCE',
      state: 'lost',
      reason: 'the connection ended without goodbye',
      boot,
      connection: this.id,
      agent: this.#version.slice(0, 32),
    };
    return { topic: topics.presence(machine), payload: Buffer.from(JSON.stringify(presence)), retain: true };
  }
}
