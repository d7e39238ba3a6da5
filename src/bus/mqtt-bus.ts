import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import { BusError } from './bus.ts';
import type { Bus, BusMessage, BusState, BusSubscription, BusWill, PublishOptions } from './bus.ts';
import { ConnectionState } from './connection-state.ts';
import type { BusListener } from './listener-queue.ts';
import { Listeners } from './listeners.ts';
import { MqttConnection } from './mqtt-connection.ts';
import type { MqttAddress } from './mqtt-socket.ts';
import { Outbox, outboxLimits } from './outbox.ts';
import type { OutboxLimits } from './outbox.ts';
import { Reconnect } from './reconnect.ts';
import type { ReconnectRules } from './reconnect.ts';

export interface MqttBusOptions extends MqttAddress {
  readonly clientId: string;
  /** A function is asked at each new connection, so that the will can name it. */
  readonly will?: BusWill | (() => BusWill) | undefined;
  /** `kept`: the broker keeps what comes while this client is away; the embedded one never does. */
  readonly session?: 'clean' | 'kept';
  readonly keepaliveSeconds?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
  readonly reconnect?: ReconnectRules;
  /** Of what waits for the broker. */
  readonly outgoing?: OutboxLimits;
  /** Of what waits for listeners. */
  readonly incoming?: { readonly messages: number; readonly bytes: number };
}

/** How many messages are on their way to the broker at once. */
const window = 32;
const connectSeconds = 10;
const closeMs = 1000;
/** What a packet has beside its payload: the topic, mostly. */
const headerBytes = 4096;

/**
 * A bus over any MQTT broker. A message is acknowledged when its listeners have handled it, so that a broker with a window (most
 * have one) waits for a slow listener; from one without, a queue that is full ends the connection until half of it is handled.
 */
export class MqttBus implements Bus {
  readonly #options: MqttBusOptions;
  readonly #outgoing: OutboxLimits;
  readonly #incoming: { readonly messages: number; readonly bytes: number };
  readonly #outbox: Outbox;
  readonly #listeners: Listeners;
  readonly #reconnect: Reconnect;
  readonly #state = new ConnectionState();
  #connection: MqttConnection | undefined;
  #accepted = false;
  #timer: Timer | undefined;
  #overfull = false;
  #closed = false;
  #progress: () => void = () => undefined;

  /** Begins to connect. @throws Error on a URL that is none of ours */
  constructor(options: MqttBusOptions) {
    this.#options = options;
    this.#outgoing = options.outgoing ?? outboxLimits;
    this.#incoming = options.incoming ?? { messages: 4096, bytes: 32 * 1024 * 1024 };
    this.#outbox = new Outbox(this.#outgoing);
    this.#listeners = new Listeners(options.log);
    this.#reconnect = new Reconnect(options.clock, options.random ?? Math.random, options.reconnect);
    this.#connect();
  }

  get state(): BusState {
    return this.#state.current;
  }

  async publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<void> {
    if (this.#closed) throw closedError(topic);
    this.#outbox.check(topic, payload);
    if (options.qos === 0) return this.#publishOnce(topic, payload, options.retain === true);
    const taken = this.#outbox.add(topic, payload, options);
    this.#send();
    return taken;
  }

  async subscribe(filter: string, listener: BusListener): Promise<BusSubscription> {
    if (this.#closed) throw closedError(filter);
    const subscription = this.#listeners.add(filter, listener);
    if (this.#accepted && (await this.#connection?.subscribe(filter)) === 'refused') {
      this.#listeners.remove(subscription);
      throw new BusError('refused', `the broker does not let ${this.#options.clientId} hear ${filter}`);
    }
    return {
      close: () => {
        if (this.#listeners.remove(subscription) && this.#accepted) this.#connection?.unsubscribe(filter);
        return Promise.resolve();
      },
    };
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#state.listen(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    await this.#within(() => this.#outbox.size === 0 || this.state.kind === 'disconnected');
    if (this.#accepted) {
      this.#connection?.end();
      await this.#within(() => this.#connection === undefined);
    }
    this.#connection?.drop('closed');
    this.#listeners.close();
    this.#state.become({ kind: 'disconnected', reason: 'closed' });
    this.#outbox.close(new BusError('closed', 'the bus was closed before the broker took this message'));
  }

  #connect(): void {
    this.#timer = undefined;
    const { session, will, keepaliveSeconds = 30, log } = this.#options;
    const maxPacketBytes = this.#outgoing.messageBytes + headerBytes;
    const connection: MqttConnection = new MqttConnection(
      {
        ...this.#options,
        will: typeof will === 'function' ? will() : will,
        clean: session !== 'kept',
        keepaliveSeconds,
        connectSeconds,
        maxPacketBytes,
      },
      {
        accepted: () => void this.#subscribeAll(connection),
        arrived: (message, acknowledge) => this.#arrived(connection, message, acknowledge),
        closed: (reason) => {
          log.debug({ reason }, 'the connection to the bus is gone');
          this.#lost(reason);
        },
      },
    );
    this.#connection = connection;
  }

  /** Everything is subscribed to before anybody hears that there is a connection: an answer to the first word would be missed. */
  async #subscribeAll(connection: MqttConnection): Promise<void> {
    this.#accepted = true;
    const { filters } = this.#listeners;
    const answers = await Promise.all(filters.map((filter) => connection.subscribe(filter)));
    if (this.#connection !== connection) return;
    for (const [at, filter] of filters.entries())
      if (answers[at] === 'refused') this.#options.log.warn({ filter }, 'the broker does not let this client hear what it asked for');
    this.#reconnect.connected();
    this.#state.become({ kind: 'connected' });
    this.#send();
  }

  #lost(reason: string): void {
    this.#connection = undefined;
    this.#accepted = false;
    this.#outbox.again();
    // A broker that keeps the session sends again all that was not acknowledged; another does not, and this is all there is.
    if (this.#options.session === 'kept') this.#listeners.clear();
    this.#state.become({ kind: 'disconnected', reason: this.#closed ? 'closed' : reason });
    this.#progress();
    if (!this.#overfull) this.#connectLater();
  }

  #connectLater(): void {
    if (this.#closed) return;
    this.#timer ??= this.#options.clock.after(this.#reconnect.delayMs(), () => this.#connect());
  }

  #arrived(connection: MqttConnection, message: BusMessage, acknowledge: () => void): void {
    this.#listeners.arrived(message, () => {
      acknowledge();
      this.#handled();
    });
    const { messages, bytes } = this.#listeners.waiting();
    if (messages <= this.#incoming.messages && bytes <= this.#incoming.bytes) return;
    this.#overfull = true;
    connection.drop(`${messages} messages of ${bytes} bytes wait for slow listeners, the last of ${message.topic}`);
  }

  #handled(): void {
    if (!this.#overfull) return;
    const { messages, bytes } = this.#listeners.waiting();
    if (messages > this.#incoming.messages / 2 || bytes > this.#incoming.bytes / 2) return;
    this.#overfull = false;
    if (this.#connection === undefined) this.#connectLater();
  }

  #send(): void {
    const connection = this.#connection;
    if (connection === undefined || this.state.kind !== 'connected') return;
    while (this.#outbox.inFlight < window) {
      const next = this.#outbox.next();
      if (next === undefined) return;
      void connection.publish(next.topic, next.payload, { qos: 1, retain: next.retain }).then((outcome) => {
        if (outcome === 'lost' || this.#connection !== connection) return;
        this.#outbox.settle(next);
        this.#send();
        this.#progress();
      });
    }
  }

  async #publishOnce(topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    const connection = this.#connection;
    const { state } = this;
    if (state.kind === 'disconnected' || connection === undefined)
      throw new BusError('unreachable', `a message to ${topic} cannot leave: ${state.kind === 'connected' ? 'closed' : state.reason}`);
    const waiting = connection.unsentBytes;
    if (waiting + payload.byteLength > this.#outgoing.bytes)
      throw new BusError('queue-full', `${waiting} bytes wait for the broker; one more message to ${topic} is refused`);
    await connection.publish(topic, payload, { qos: 0, retain });
  }

  /** Resolves when it is so, at the latest after a second. */
  async #within(done: () => boolean): Promise<void> {
    if (done()) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = this.#options.clock.after(closeMs, () => resolve(undefined));
    this.#progress = () => {
      if (done()) resolve(undefined);
    };
    await promise;
    timer.cancel();
  }
}

function closedError(topic: string): BusError {
  return new BusError('closed', `nothing can be sent or heard on ${topic}: this bus was closed`);
}
