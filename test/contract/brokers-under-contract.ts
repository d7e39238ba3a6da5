import type { Bus, BusWill } from '../../src/bus/bus.ts';
import { EmbeddedBroker } from '../../src/bus/embedded-broker.ts';
import { MemoryBroker } from '../../src/bus/memory-broker.ts';
import { MqttBus } from '../../src/bus/mqtt-bus.ts';
import type { MqttBusOptions } from '../../src/bus/mqtt-bus.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { freePort } from '../free-port.ts';
import { Cable } from './cable.ts';
import { MosquittoServer } from './mosquitto-server.ts';
import { NatsServer } from './nats-server.ts';

export interface Connected {
  readonly bus: Bus;
  /** The connection ends without goodbye, and none is made until `mend`. */
  cut(): void;
  mend(): void;
}

export interface BrokerUnderContract {
  /** Over its own end and return: what it acknowledged and had not delivered yet. */
  readonly keepsMessages: boolean;
  /** What was not acknowledged by a reader when its connection ended comes to it before anything newer. */
  readonly redeliversInOrder: boolean;
  /** Over its own end and return. */
  readonly keepsRetained: boolean;
  connect(name: string, options?: { readonly will?: BusWill }): Promise<Connected>;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export function memoryUnderContract(): Promise<BrokerUnderContract> {
  const broker = new MemoryBroker({ clock: systemClock });
  return Promise.resolve({
    keepsMessages: false,
    redeliversInOrder: true,
    keepsRetained: false,
    connect: (name, options) =>
      Promise.resolve({
        bus: broker.connect(name, options),
        cut: () => broker.cut(name, { will: true }),
        mend: () => broker.restore(name),
      }),
    stop: () => Promise.resolve(broker.stop()),
    start: () => Promise.resolve(broker.start()),
    close: () => Promise.resolve(),
  });
}

/** Clients over real sockets, each with a cable of its own. */
class Clients {
  readonly #port: number;
  readonly #options: (name: string) => Partial<MqttBusOptions>;
  readonly #open: { readonly bus: Bus; readonly cable: Cable }[] = [];

  constructor(port: number, options: (name: string) => Partial<MqttBusOptions>) {
    this.#port = port;
    this.#options = options;
  }

  async connect(name: string, options: { readonly will?: BusWill } = {}): Promise<Connected> {
    const cable = await Cable.to(this.#port);
    const bus = new MqttBus({
      url: `mqtt://127.0.0.1:${cable.port}`,
      clientId: name,
      session: 'kept',
      clock: systemClock,
      log: silentLog,
      reconnect: { firstMs: 50, mostMs: 200, goodMs: 1000 },
      will: options.will,
      ...this.#options(`127.0.0.1:${cable.port}`),
    });
    this.#open.push({ bus, cable });
    await new Promise<void>((resolve) => {
      bus.onState(({ kind }) => {
        if (kind === 'connected') resolve();
      });
    });
    return { bus, cut: () => cable.cut(), mend: () => cable.mend() };
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map(({ bus }) => bus.close()));
    await Promise.all(this.#open.map(({ cable }) => cable.close()));
  }
}

export async function embeddedUnderContract(): Promise<BrokerUnderContract> {
  const password = 'of everybody';
  const port = await freePort();
  const open = (): Promise<EmbeddedBroker> =>
    EmbeddedBroker.start({
      address: '127.0.0.1',
      port,
      clock: systemClock,
      log: silentLog,
      credentialOf: () => Buffer.from(password),
      mayPublish: () => true,
      maySubscribe: () => true,
      limits: { packetBurst: 10_000 },
    });
  let broker = await open();
  const clients = new Map<string, Clients>();
  const connect = (name: string, options?: { readonly will?: BusWill }): Promise<Connected> => {
    const ofName =
      clients.get(name) ?? new Clients(port, (address) => ({ url: `mqtts://${address}`, username: name, password, psk: true }));
    clients.set(name, ofName);
    return ofName.connect(name, options);
  };
  return {
    keepsMessages: false,
    redeliversInOrder: true,
    keepsRetained: false,
    connect,
    stop: () => broker.close(),
    start: async () => {
      broker = await open();
    },
    close: async () => {
      await Promise.all([...clients.values()].map((each) => each.close()));
      await broker.close();
    },
  };
}

export async function mosquittoUnderContract(): Promise<BrokerUnderContract> {
  return ofProcess(await MosquittoServer.start(), true);
}

export async function natsUnderContract(): Promise<BrokerUnderContract> {
  // 2.9.10 on its own forgets, when it ends, part of what it had acknowledged a moment before (docs/bus.md).
  return ofProcess(await NatsServer.start(), false);
}

function ofProcess(server: MosquittoServer | NatsServer, careful: boolean): BrokerUnderContract {
  const clients = new Clients(server.port, () => ({}));
  return {
    keepsMessages: careful,
    redeliversInOrder: careful,
    keepsRetained: true,
    connect: (name, options) => clients.connect(name, options),
    stop: () => server.stop(),
    start: () => server.resume(),
    close: async () => {
      await clients.close();
      await server.close();
    },
  };
}
