import { mayPublish, maySubscribe } from '../../src/bus/agent-access.ts';
import type { BrokerLimits } from '../../src/bus/broker-limits.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { credential, parseAgentUsername } from '../../src/bus/credential.ts';
import { EmbeddedBroker } from '../../src/bus/embedded-broker.ts';
import { MqttBus } from '../../src/bus/mqtt-bus.ts';
import type { MqttBusOptions } from '../../src/bus/mqtt-bus.ts';
import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import { freePort } from '../free-port.ts';

const access = {
  publish: (machine: string) => [`agent/${machine}/out`, `agent/${machine}/presence`],
  subscribe: (machine: string) => [`agent/${machine}/in`, 'group/+/in', 'manager/+/presence'],
};

/** An embedded broker with the rules of agents, on a free port of the loopback, and what was told of it. */
export class BrokerUnderTest implements AsyncDisposable {
  readonly key = Buffer.alloc(32, 7);
  readonly floods: string[] = [];
  readonly refusals: string[] = [];
  readonly log = new CapturedLog();
  readonly newestBoot = new Map<string, number>();
  readonly #buses: Bus[] = [];
  #broker: EmbeddedBroker | undefined;

  static async start(limits: Partial<BrokerLimits> = {}, clock: Clock = systemClock): Promise<BrokerUnderTest> {
    const under = new BrokerUnderTest();
    await under.open(await freePort(), limits, clock);
    return under;
  }

  async open(port = this.broker.port, limits: Partial<BrokerLimits> = {}, clock: Clock = systemClock): Promise<void> {
    this.#broker = await EmbeddedBroker.start({
      address: '127.0.0.1',
      port,
      clock,
      log: this.log,
      limits,
      credentialOf: (username) => {
        const agent = parseAgentUsername(username);
        const newest = this.newestBoot.get(agent?.machine ?? '') ?? 0;
        return agent === undefined || agent.boot < newest ? undefined : Buffer.from(credential(this.key, username));
      },
      mayPublish: (username, topic) => mayPublish(access, username, topic),
      maySubscribe: (username, filter) => maySubscribe(access, username, filter),
      onFlood: (username, reason) => this.floods.push(`${username}: ${reason}`),
      onRefused: (username, reason) => this.refusals.push(`${username}: ${reason}`),
    });
  }

  get broker(): EmbeddedBroker {
    if (this.#broker === undefined) throw new Error('the broker was not started');
    return this.#broker;
  }

  agent(username: string, options: Partial<MqttBusOptions> = {}): MqttBus {
    const bus = new MqttBus({
      url: `mqtts://127.0.0.1:${this.broker.port}`,
      clientId: username,
      username,
      password: credential(this.key, username),
      psk: true,
      clock: systemClock,
      log: this.log,
      reconnect: { firstMs: 50, mostMs: 200, goodMs: 1000 },
      ...options,
    });
    this.#buses.push(bus);
    return bus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#buses.map((bus) => bus.close()));
    await this.broker.close();
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What a bus hears, as lines that grow. */
export async function hear(bus: Bus, filter: string): Promise<string[]> {
  const heard: string[] = [];
  await bus.subscribe(filter, ({ topic, payload, retained }) => {
    heard.push(`${retained ? 'retained ' : ''}${topic} ${new TextDecoder().decode(payload)}`);
  });
  return heard;
}

export async function untilConnected(...buses: readonly Bus[]): Promise<void> {
  await Promise.all(buses.map((bus) => untilState(bus, 'connected')));
}

export function untilState(bus: Bus, kind: 'connected' | 'disconnected'): Promise<void> {
  return new Promise((resolve) => {
    bus.onState((state) => {
      if (state.kind === kind) resolve();
    });
  });
}
