import type { Clock } from '../clock.ts';
import { silentLog } from '../log.ts';
import type { Log } from '../log.ts';
import type { BusMessage, BusWill } from './bus.ts';
import { MemoryBus } from './memory-bus.ts';
import { MemoryPipe } from './memory-pipe.ts';
import { filterMatches } from './topic-filter.ts';

/** One message on its way between a client and the broker: `up` to the broker, `down` from it. */
export interface Passage {
  readonly client: string;
  readonly direction: 'up' | 'down';
  readonly kind: 'publish' | 'ack';
  readonly topic: string;
}

export interface CutOptions {
  /** The broker notices, and publishes the will of the connection: at once, or after so many milliseconds unless it is back by then. */
  readonly will: boolean | { readonly afterMs: number };
  /** As the client says it. */
  readonly reason?: string;
}

/** What the broker knows of one client. */
interface Session {
  readonly bus: MemoryBus;
  readonly will: BusWill | undefined;
  readonly filters: Set<string>;
  up: MemoryPipe;
  down: MemoryPipe;
  connected: boolean;
  cut: string | undefined;
  lostAcks: number;
}

/**
 * A broker in memory, with the faults that real ones have on order: for tests and for the manager's simulator. What has no delay is
 * passed on in microtasks, what has one when the clock says so; nothing overtakes anything between one client and the broker. It
 * keeps no sessions: who is not connected misses what is published meanwhile, except what is retained.
 */
export class MemoryBroker {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sessions = new Map<string, Session>();
  readonly #retained = new Map<string, Uint8Array>();
  readonly #watchers = new Set<(client: string, topic: string, payload: Uint8Array) => void>();
  #up = true;
  #steps = 0;
  #delayMs: (passage: Passage) => number = () => 0;
  #twice: (passage: Passage) => boolean = () => false;

  constructor(options: { readonly clock: Clock; readonly log?: Log }) {
    this.#clock = options.clock;
    this.#log = options.log ?? silentLog;
  }

  /** A second one of a name takes over from the first, which is told so and does not come back. */
  connect(name: string, options: { readonly will?: BusWill } = {}): MemoryBus {
    const before = this.#sessions.get(name);
    if (before !== undefined) {
      this.#disconnect(before, 'another connection of the same name took over', true);
      this.#sessions.delete(name);
    }
    const bus: MemoryBus = new MemoryBus({
      log: this.#log.child({ client: name }),
      send: () => this.#send(this.#sessions.get(name), bus),
      subscribe: (filter) => this.#subscribe(this.#sessions.get(name), bus, filter),
      unsubscribe: (filter) => this.#sessions.get(name)?.filters.delete(filter),
      close: () => this.#close(name, bus),
    });
    const session: Session = {
      bus,
      will: options.will,
      filters: new Set(),
      up: this.#pipe(),
      down: this.#pipe(),
      connected: false,
      cut: undefined,
      lostAcks: 0,
    };
    this.#sessions.set(name, session);
    this.#open(session);
    return bus;
  }

  /** Ends the connection. What was on its way is lost, and the client stays disconnected until `restore`. */
  cut(name: string, options: CutOptions): void {
    const session = this.#sessionOf(name);
    session.cut = options.reason ?? 'the connection was cut';
    const { will } = options;
    const wasConnected = session.connected;
    this.#disconnect(session, session.cut, will === true);
    if (wasConnected && typeof will === 'object')
      this.#clock.after(will.afterMs, () => {
        if (!session.connected) this.#publishWill(session);
      });
  }

  /** The client connects again, subscribes again, and sends again what was not acknowledged. */
  restore(name: string): void {
    const session = this.#sessionOf(name);
    session.cut = undefined;
    this.#open(session);
  }

  /** Nobody notices, but nothing passes any more, until `release`: then it arrives, late and in order. */
  hold(name: string, direction: 'up' | 'down' | 'both' = 'both'): void {
    const { up, down } = this.#sessionOf(name);
    if (direction !== 'down') up.hold();
    if (direction !== 'up') down.hold();
  }

  release(name: string): void {
    const { up, down } = this.#sessionOf(name);
    up.release();
    down.release();
  }

  /** The next acknowledgements to this client are lost with its connection, which comes back at once: what they were for comes twice. */
  loseAcks(name: string, count = 1): void {
    this.#sessionOf(name).lostAcks += count;
  }

  /** The broker ends, without wills. `forget`: what was retained is gone, as with the embedded one. */
  stop(options: { readonly forget?: boolean } = {}): void {
    this.#up = false;
    for (const session of this.#sessions.values()) this.#disconnect(session, 'the broker is down', false);
    if (options.forget !== false) this.#retained.clear();
  }

  /** All who are not cut connect again, in the order in which they first came. */
  start(): void {
    this.#up = true;
    for (const session of this.#sessions.values()) this.#open(session);
  }

  /** How long each message and acknowledgement takes; it must not be random but by seed. */
  setDelay(delayMs: (passage: Passage) => number): void {
    this.#delayMs = delayMs;
  }

  /** Which messages come twice in a row. */
  duplicate(twice: (passage: Passage) => boolean): void {
    this.#twice = twice;
  }

  retained(topic: string): Uint8Array | undefined {
    return this.#retained.get(topic);
  }

  /** Hears all that the broker takes, wills included, in order and before anybody else. */
  watch(watcher: (client: string, topic: string, payload: Uint8Array) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Resolves when nothing moves any more but what waits for the clock or for a listener that does. */
  async settled(): Promise<void> {
    for (let steps = -1; steps !== this.#steps;) {
      steps = this.#steps;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #sessionOf(name: string): Session {
    const session = this.#sessions.get(name);
    if (session === undefined) throw new Error(`no client ${name} is known to this broker; connect it first`);
    return session;
  }

  #pipe(): MemoryPipe {
    return new MemoryPipe(this.#clock, () => {
      this.#steps++;
    });
  }

  #open(session: Session): void {
    if (session.connected || session.cut !== undefined) return;
    if (!this.#up) {
      session.bus.lost('the broker is down');
      return;
    }
    session.connected = true;
    session.up = this.#pipe();
    session.down = this.#pipe();
    for (const filter of session.bus.filters) this.#listen(session, filter, () => undefined);
    session.bus.connected();
    this.#send(session, session.bus);
  }

  #disconnect(session: Session, reason: string, will: boolean): void {
    const wasConnected = session.connected;
    session.connected = false;
    session.up.close();
    session.down.close();
    session.filters.clear();
    session.bus.lost(reason);
    if (wasConnected && will) this.#publishWill(session);
  }

  #publishWill({ bus, will }: Session): void {
    if (will !== undefined && this.#up) this.#take(this.#nameOf(bus), will.topic, will.payload, will.retain);
  }

  #close(name: string, bus: MemoryBus): void {
    const session = this.#sessions.get(name);
    if (session?.bus !== bus) return;
    session.connected = false;
    session.up.close();
    session.down.close();
    this.#sessions.delete(name);
  }

  #nameOf(bus: MemoryBus): string {
    for (const [name, session] of this.#sessions) if (session.bus === bus) return name;
    return '';
  }

  #send(session: Session | undefined, bus: MemoryBus): void {
    if (session?.bus !== bus || !session.connected) return;
    const name = this.#nameOf(bus);
    for (let next = bus.outbox.next(); next !== undefined; next = bus.outbox.next()) {
      const outgoing = next;
      const { topic, payload, retain } = outgoing;
      const passage: Passage = { client: name, direction: 'up', kind: 'publish', topic };
      for (let copies = this.#twice(passage) ? 2 : 1; copies > 0; copies--)
        session.up.add(this.#delayMs(passage), () => this.#take(name, topic, payload, retain));
      session.up.add(0, () => this.#acknowledge(session, name, topic, () => bus.outbox.settle(outgoing)));
    }
  }

  #acknowledge(session: Session, client: string, topic: string, arrived: () => void): void {
    if (session.lostAcks > 0) {
      session.lostAcks--;
      this.#disconnect(session, 'the connection was lost', false);
      this.#open(session);
      return;
    }
    session.down.add(this.#delayMs({ client, direction: 'down', kind: 'ack', topic }), arrived);
  }

  #subscribe(session: Session | undefined, bus: MemoryBus, filter: string): Promise<void> {
    if (session?.bus !== bus || !session.connected) return Promise.resolve();
    return new Promise((resolve) => {
      const forget = bus.whenLost(resolve);
      this.#listen(session, filter, () => {
        forget();
        resolve();
      });
    });
  }

  #listen(session: Session, filter: string, granted: () => void): void {
    const client = this.#nameOf(session.bus);
    const passage: Passage = { client, direction: 'up', kind: 'publish', topic: filter };
    session.up.add(this.#delayMs(passage), () => {
      session.filters.add(filter);
      session.down.add(this.#delayMs({ ...passage, direction: 'down', kind: 'ack' }), granted);
      for (const [topic, payload] of this.#retained)
        if (filterMatches(filter, topic)) this.#pass(session, client, { topic, payload, retained: true });
    });
  }

  #take(client: string, topic: string, payload: Uint8Array, retain: boolean): void {
    for (const watcher of this.#watchers) watcher(client, topic, payload);
    if (retain && payload.byteLength === 0) this.#retained.delete(topic);
    else if (retain) this.#retained.set(topic, payload);
    for (const [name, session] of this.#sessions)
      if (session.connected && [...session.filters].some((filter) => filterMatches(filter, topic)))
        this.#pass(session, name, { topic, payload, retained: false });
  }

  #pass(session: Session, client: string, message: BusMessage): void {
    const passage: Passage = { client, direction: 'down', kind: 'publish', topic: message.topic };
    for (let copies = this.#twice(passage) ? 2 : 1; copies > 0; copies--)
      session.down.add(this.#delayMs(passage), () => session.bus.arrived(message));
  }
}
