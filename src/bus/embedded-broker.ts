import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { Aedes } from 'aedes';
import type { AuthenticateError, Client, ConnectPacket, PublishPacket, Subscription } from 'aedes';
import type { Clock } from '../clock.ts';
import { DropLog } from '../log.ts';
import type { Log } from '../log.ts';
import { BrokerConnection } from './broker-connection.ts';
import { brokerLimits } from './broker-limits.ts';
import type { BrokerLimits } from './broker-limits.ts';
import { startBrokerListener } from './broker-listener.ts';
import type { BrokerListener, Stranger } from './broker-listener.ts';
import { BrokerMemory } from './broker-memory.ts';
import { BrokerRouter } from './broker-router.ts';
import { BusError } from './bus.ts';
import type { Bus, BusWill } from './bus.ts';
import { LocalBus } from './local-bus.ts';
import { outboxLimits } from './outbox.ts';
import { topicProblem } from './topic-filter.ts';

export interface EmbeddedBrokerOptions {
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The key and password of a user, or nothing where there is no such user, or not any more. */
  readonly credentialOf: (username: string) => Buffer | undefined;
  readonly mayPublish: (username: string, topic: string) => boolean;
  readonly maySubscribe: (username: string, filter: string) => boolean;
  readonly limits?: Partial<BrokerLimits>;
  /** It sent too much or read too little, and was disconnected. */
  readonly onFlood?: (username: string, reason: string) => void;
  /** It proved who it is, and then did what it may not; it was disconnected, or refused a subscription. */
  readonly onRefused?: (username: string, reason: string) => void;
}

/** One connection of somebody who has the key of a user. */
interface Peer {
  readonly connection: BrokerConnection;
  readonly stranger: Stranger;
  readonly filters: Set<string>;
  /** Why its CONNECT is refused. */
  refusal?: { readonly code: number; readonly reason: string };
}

/** CONNACK return codes (MQTT 3.1.1, 3.2.2.3). */
const notTheUser = 4;
const notAllowed = 5;
/** From how many bytes on one queue is worth a look at all of them. */
const longQueue = 256 * 1024;

/** The MQTT 3.1.1 broker in this process: for agents over TLS with keys, for the manager without any socket. */
export class EmbeddedBroker {
  readonly #options: EmbeddedBrokerOptions;
  readonly #limits: BrokerLimits;
  readonly #drops: DropLog;
  readonly #ends: DropLog;
  readonly #router = new BrokerRouter();
  readonly #memory: BrokerMemory;
  readonly #aedes: Aedes;
  readonly #peers = new WeakMap<Client['conn'], Peer>();
  readonly #connections = new Set<BrokerConnection>();
  readonly #clients = new Map<string, { readonly client: Client; readonly connection: BrokerConnection }>();
  readonly #local = new Map<string, { readonly bus: LocalBus; readonly will: BusWill | undefined }>();
  #listener: BrokerListener | undefined;

  /** @throws Error when it cannot listen there */
  static async start(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
    const broker = new EmbeddedBroker(options);
    await broker.#aedes.listen();
    try {
      broker.#listener = await startBrokerListener({
        ...options,
        limits: broker.#limits,
        proved: (socket, username, stranger) => broker.#connected(socket, username, stranger),
        refused: (reason, remoteAddress) => broker.#drops.drop(reason, { remoteAddress }, 'a connection to the bus was refused'),
      });
    } catch (error) {
      await broker.close();
      throw error;
    }
    return broker;
  }

  private constructor(options: EmbeddedBrokerOptions) {
    this.#options = options;
    const limits = { ...brokerLimits, ...options.limits };
    this.#limits = limits;
    this.#drops = new DropLog(options.log, options.clock);
    this.#ends = new DropLog(options.log, options.clock, 10, 10_000, 'info');
    this.#memory = new BrokerMemory(limits, (topic) =>
      this.#drops.drop('too much is retained', { topic }, 'a message was passed on and not kept'),
    );
    this.#aedes = new Aedes({
      mq: this.#router,
      persistence: this.#memory,
      concurrency: 0,
      maxTopicLevels: 16,
      keepaliveLimit: 300,
      // Sockets never make it wait: BrokerConnection gives up who does not read.
      drainTimeout: 0,
      preConnect: (client, packet, done) => {
        this.#judge(client, packet);
        done(null, true);
      },
      authenticate: (client, _username, _password, done) => this.#authenticate(client, done),
      authorizePublish: (client, packet, done) => this.#authorizePublish(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => done(null, this.#authorizeSubscribe(client, subscription)),
    });
    this.#aedes.on('clientError', (client, error) => this.#peerOf(client)?.connection.end(error.message));
    this.#aedes.on('connectionError', (client, error) => this.#peerOf(client)?.connection.end(error.message));
    this.#aedes.on('unsubscribe', (filters, client) => {
      for (const filter of filters) this.#peerOf(client)?.filters.delete(filter);
    });
    this.#aedes.on('clientDisconnect', (client) => {
      if (this.#clients.get(client.id)?.client === client) this.#clients.delete(client.id);
    });
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** Who is connected over TLS. */
  get usernames(): readonly string[] {
    return [...this.#clients.keys()];
  }

  /** A client in this process, under no rule of access. One of the same name before it is lost, with its will. */
  connectLocal(name: string, options: { readonly will?: BusWill } = {}): Bus {
    const before = this.#local.get(name);
    if (before !== undefined) this.#loseLocal(name, before, 'another client of the same name took over');
    const bus: LocalBus = new LocalBus({
      log: this.#options.log.child({ client: name }),
      limits: this.#limits,
      maxMessageBytes: outboxLimits.messageBytes,
      publish: (message) => this.#publish(message),
      open: (filter, route) => {
        this.#router.on(filter, route);
        return this.#memory.retained([filter]).map(({ topic, payload }) => ({ topic, payload: Buffer.from(payload), retained: true }));
      },
      shut: (filter, route) => void this.#router.removeListener(filter, route),
      close: () => {
        if (this.#local.get(name)?.bus === bus) this.#local.delete(name);
      },
    });
    this.#local.set(name, { bus, will: options.will });
    return bus;
  }

  /** Ends its connection, with its will; it may come back if its credential still holds. Returns whether it was there. */
  disconnect(username: string, reason = 'disconnected by the manager'): boolean {
    const entry = this.#clients.get(username);
    entry?.connection.end(reason);
    return entry !== undefined;
  }

  /** Everybody is disconnected. Wills reach who still listens in this process. */
  async close(): Promise<void> {
    await this.#listener?.close();
    await new Promise<void>((resolve) => {
      this.#aedes.close(resolve);
    });
    for (const { bus } of this.#local.values()) bus.lost('the broker ended');
    this.#drops.close();
    this.#ends.close();
  }

  #loseLocal(name: string, { bus, will }: { readonly bus: LocalBus; readonly will: BusWill | undefined }, reason: string): void {
    bus.lost(reason);
    this.#local.delete(name);
    if (will === undefined) return;
    void this.#publish({ topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: will.retain });
  }

  #publish(message: { readonly topic: string; readonly payload: Buffer; readonly qos: 0 | 1; readonly retain: boolean }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#aedes.publish({ cmd: 'publish', dup: false, ...message }, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(new BusError('refused', `the broker did not take a message to ${message.topic}: ${error.message}`, { cause: error }));
      });
    });
  }

  #connected(socket: Socket, username: string, stranger: Stranger): void {
    const connection: BrokerConnection = new BrokerConnection(socket, {
      clock: this.#options.clock,
      limits: this.#limits,
      username,
      queued: () => this.#relieve(connection),
      ended: ({ reason, flood }) => {
        this.#connections.delete(connection);
        if (reason === undefined) return;
        this.#ends.drop(flood ? 'flood' : 'ended', { username, why: reason }, 'a connection to the bus was ended');
        if (flood) this.#options.onFlood?.(username, reason);
      },
    });
    this.#connections.add(connection);
    this.#peers.set(connection.stream, { connection, stranger, filters: new Set() });
    this.#aedes.handle(connection.stream);
  }

  #peerOf(client: Client): Peer | undefined {
    return this.#peers.get(client.conn);
  }

  /** Before anything of a CONNECT counts: whether it is who its key says, and what it may not ask for. */
  #judge(client: Client, packet: ConnectPacket): void {
    const peer = this.#peerOf(client);
    if (peer === undefined) return;
    const { username } = peer.connection;
    const reason = this.#problemOf(username, packet);
    if (reason !== undefined) peer.refusal = reason;
    // There are no sessions to come back to: what is kept for who is away is the manager's.
    packet.clean = true;
  }

  #problemOf(username: string, packet: ConnectPacket): Peer['refusal'] {
    const { will, clientId } = packet;
    const expected = this.#options.credentialOf(username);
    if (expected === undefined || packet.username !== username || !sameBytes(expected, packet.password))
      return { code: notTheUser, reason: `user name or password are not those of its key, ${username}` };
    if (clientId !== username) return { code: notAllowed, reason: `its client id is not its user name` };
    if (will === undefined) return undefined;
    if (will.qos === 2) return { code: notAllowed, reason: 'its will has QoS 2, which this broker does not have' };
    if (topicProblem(will.topic) === undefined && this.#options.mayPublish(username, will.topic)) return undefined;
    return { code: notAllowed, reason: `it may not have a will for ${shown(will.topic)}` };
  }

  #authenticate(client: Client, done: (error: AuthenticateError | null, success: boolean) => void): void {
    const peer = this.#peerOf(client);
    const refusal = peer === undefined ? { code: notTheUser, reason: 'unknown' } : peer.refusal;
    if (peer === undefined || refusal !== undefined) {
      if (peer !== undefined) this.#refuse(peer, refusal?.reason ?? '');
      done(Object.assign(new Error(refusal?.reason), { returnCode: refusal?.code ?? notTheUser }), false);
      return;
    }
    peer.stranger.known();
    peer.connection.authenticated();
    this.#clients.set(peer.connection.username, { client, connection: peer.connection });
    done(null, true);
  }

  #authorizePublish(client: Client | null, { topic }: PublishPacket, done: (error?: Error | null) => void): void {
    const peer = client === null ? undefined : this.#peerOf(client);
    if (peer !== undefined && topicProblem(topic) === undefined && this.#options.mayPublish(peer.connection.username, topic)) {
      done(null);
      return;
    }
    const reason = `it may not publish to ${shown(topic)}`;
    if (peer !== undefined) this.#refuse(peer, reason);
    done(new Error(reason));
  }

  #authorizeSubscribe(client: Client, subscription: Subscription): Subscription | null {
    const peer = this.#peerOf(client);
    if (peer === undefined) return null;
    const { topic } = subscription;
    if (!peer.filters.has(topic) && peer.filters.size >= this.#limits.subscriptionsOfClient) {
      this.#refuse(peer, `it subscribes to more than ${this.#limits.subscriptionsOfClient} filters`);
      return null;
    }
    if (!this.#options.maySubscribe(peer.connection.username, topic)) {
      this.#refuse(peer, `it may not subscribe to ${shown(topic)}`);
      return null;
    }
    peer.filters.add(topic);
    return { ...subscription, qos: subscription.qos === 0 ? 0 : 1 };
  }

  #refuse({ connection }: Peer, reason: string): void {
    this.#drops.drop('refused', { username: connection.username, why: reason }, 'a client of the bus was refused');
    this.#options.onRefused?.(connection.username, reason);
  }

  /** Where all queues together are too long, the longest one is given up. */
  #relieve(last: BrokerConnection): void {
    if (last.queuedBytes < longQueue) return;
    let total = 0;
    let longest = last;
    for (const connection of this.#connections) {
      total += connection.queuedBytes;
      if (connection.queuedBytes > longest.queuedBytes) longest = connection;
    }
    if (total > this.#limits.queuedBytes) longest.end(`it reads too slowly: ${longest.queuedBytes} of ${total} bytes in all wait for it`);
  }
}

/** In a time that does not tell how much of it is right. */
function sameBytes(expected: Buffer, given: Buffer | undefined): boolean {
  return given !== undefined && expected.length === given.length && timingSafeEqual(expected, given);
}

function shown(topic: string): string {
  return JSON.stringify(topic.slice(0, 100));
}
