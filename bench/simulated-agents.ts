import { randomBytes, randomUUID } from 'node:crypto';
import { MqttBus } from '../src/bus/mqtt-bus.ts';
import { systemClock } from '../src/clock.ts';
import { silentLog } from '../src/log.ts';
import { topics } from '../src/manager/protocol.ts';
import type { AgentMessage, DomainReport, ManagerMessage, Presence } from '../src/manager/protocol.ts';

/** What the bench says to the process of its agents. */
export type AgentsOrder =
  | { readonly kind: 'connect'; readonly sessions: readonly string[]; readonly everySeconds: number }
  | { readonly kind: 'size'; readonly bytes: number }
  | { readonly kind: 'end' };

interface Session {
  readonly machine: string;
  readonly boot: number;
  readonly bus: { readonly url: string; readonly username: string; readonly password: string; readonly psk: boolean };
}

let bytes = 0;
const agents: SimulatedAgent[] = [];

/** Answers as an agent does, of a hypervisor where every start goes well at once. */
class SimulatedAgent {
  readonly #session: Session;
  readonly #bus: MqttBus;
  readonly #domains: DomainReport[] = [];
  #ruledBy = 0;

  constructor(session: Session) {
    this.#session = session;
    const { machine, boot, bus } = session;
    const connection = randomUUID();
    const presence = (state: Presence['state']): Buffer =>
      json({ v: 1, kind: 'PRESENCE', state, reason: 'bench', boot, connection, agent: '0' } satisfies Presence);
    const topic = topics.presence(machine);
    this.#bus = new MqttBus({
      ...bus,
      clientId: bus.username,
      will: { topic, payload: presence('lost'), retain: true },
      clock: systemClock,
      log: silentLog,
    });
    this.#begin(topic, presence('here')).catch(() => {});
  }

  async #begin(topic: string, here: Buffer): Promise<void> {
    const { machine } = this.#session;
    const hear = ({ payload }: { readonly payload: Uint8Array }): void =>
      this.#hear(JSON.parse(Buffer.from(payload).toString()) as ManagerMessage);
    await this.#bus.subscribe(topics.toAgent(machine), hear);
    await this.#bus.subscribe(topics.group('all'), hear);
    await this.#bus.publish(topic, here, { qos: 1, retain: true });
  }

  #hear(message: ManagerMessage): void {
    const { boot } = this.#session;
    if (message.kind === 'CONTROL') {
      const { action, id, session, nonce } = message;
      if (action === 'session' && session !== undefined) this.#ruledBy = session;
      this.#say({
        v: 1,
        kind: 'CONTROLVAL',
        id: randomUUID(),
        reply: id,
        action,
        boot,
        session: this.#ruledBy,
        ...(nonce !== undefined && { nonce }),
        domains: this.#domains,
        settled: true,
        busy: [],
        ...(action === 'session' && {
          facts: { agent: '0', hypervisor: 'bench', memoryMib: 8192, freeMib: 6000, cpus: 8, bridges: ['xenbr0'], nics: ['eth0'] },
        }),
      });
    } else if (message.kind === 'EXECUTE') {
      const { vm = '', uuid = '', claim } = message.args as { readonly vm?: string; readonly uuid?: string; readonly claim?: number };
      if (message.command === 'vm.create')
        this.#domains.push({ name: vm, uuid, domid: 1, state: 'running', memoryMib: 512, vcpus: 1, ...(claim !== undefined && { claim }) });
      this.#say({ v: 1, kind: 'EXECVAL', id: randomUUID(), reply: message.id, session: this.#ruledBy, repeated: false, result: {} });
    }
  }

  /** One property of that size, as compressible as text of a machine is. */
  report(): void {
    if (bytes === 0) return;
    const value = randomBytes(Math.ceil(bytes / 2))
      .toString('hex')
      .slice(0, bytes);
    const values =
      value.match(/.{1,50000}/g)?.map((piece, n) => ({ name: `bulk_${n}`, type: 'string' as const, value: piece, age: 0 })) ?? [];
    this.#say({ v: 1, kind: 'PROPVAL', id: randomUUID(), boot: this.#session.boot, values });
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  #say(message: AgentMessage): void {
    void this.#bus.publish(topics.fromAgent(this.#session.machine), json(message), { qos: 1 }).catch(() => {});
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

process.on('message', (order: AgentsOrder) => {
  if (order.kind === 'size') ({ bytes } = order);
  else if (order.kind === 'end') void Promise.allSettled(agents.map((agent) => agent.close())).then(() => process.exit());
  else {
    agents.push(...order.sessions.map((session) => new SimulatedAgent(JSON.parse(session) as Session)));
    // Spread over the period, as agents do.
    const stepMs = (order.everySeconds * 1000) / agents.length;
    let next = 0;
    setInterval(() => agents[next++ % agents.length]?.report(), stepMs);
  }
});
