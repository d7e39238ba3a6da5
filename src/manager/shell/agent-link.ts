import { BusError } from '../../bus/bus.ts';
import type { Bus, BusMessage, BusSubscription } from '../../bus/bus.ts';
import { TokenBucket } from '../../bus/token-bucket.ts';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Sending } from '../draft.ts';
import { decodeAgentMessage, decodePresence } from '../hear/decode.ts';
import type { Input } from '../hear/input.ts';
import { topics } from '../protocol.ts';
import type { ManagerMessage, Presence } from '../protocol.ts';
import type { DropCount } from './drop-count.ts';

/** Of one agent, messages a second, and how many may come at once. */
const rate = 200;
const burst = 1000;
const keptBeats = 4;
const mostAgents = 4096;
/** What one agent does against the rules is said, and then not again for so long. */
const refusedAgainMs = 60_000;

/** The way from and to agents: what is no message of the protocol ends here, told with its agent's name. */
export class AgentLink {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #take: (input: Input) => void;
  readonly #failed: (command: string, reason: string) => void;
  readonly #subscriptions: BusSubscription[] = [];
  readonly #drops: DropCount;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #refusedMs = new Map<string, number>();
  readonly #beats = new Map<string, number>();
  /** The newest of each, kept also while another manager leads. */
  readonly presences = new Map<string, Presence>();
  #closed = false;

  constructor(
    parts: { readonly bus: Bus; readonly clock: Clock; readonly log: Log; readonly drops: DropCount },
    take: (input: Input) => void,
    failed: (command: string, reason: string) => void,
  ) {
    this.#bus = parts.bus;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#drops = parts.drops;
    this.#take = take;
    this.#failed = failed;
  }

  async open(): Promise<void> {
    await this.#subscribe(topics.everyPresence, (message) => this.#hearPresence(message));
    await this.#subscribe(topics.everyAgentOut, (message) => this.#hearMessage(message));
  }

  async #subscribe(filter: string, listener: (message: BusMessage) => void): Promise<void> {
    const subscription = await this.#bus.subscribe(filter, listener);
    if (this.#closed) await subscription.close();
    else this.#subscriptions.push(subscription);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#subscriptions.map((subscription) => subscription.close()));
  }

  beat(manager: string, id: string, nonce: string): void {
    this.#beats.set(nonce, this.#clock.monotonic());
    for (const old of [...this.#beats.keys()].slice(0, -keptBeats)) this.#beats.delete(old);
    this.#publish(topics.group('all'), { v: 1, kind: 'CONTROL', id, action: 'beat', nonce, manager });
  }

  send(sending: Sending): void {
    if (sending.kind !== 'execute') {
      this.#publish(sending.kind === 'group' ? topics.group(sending.group) : topics.toAgent(sending.host), sending.message);
      return;
    }
    const { id, host, command, args, boot, session, withinMs } = sending.command;
    const { nonce } = sending;
    const message = {
      v: 1,
      kind: 'EXECUTE',
      id,
      command,
      args,
      boot,
      session,
      withinMs,
      ...(nonce === undefined ? {} : { nonce }),
    } as const;
    this.#publish(topics.toAgent(host), message, (reason) => this.#failed(id, reason));
  }

  #publish(topic: string, message: ManagerMessage, failed?: (reason: string) => void): void {
    this.#bus.publish(topic, encode(message), { qos: 1 }).catch((error: unknown) => {
      this.#lost(message.kind, error);
      const final = error instanceof BusError && (error.code === 'too-large' || error.code === 'refused');
      if (final) failed?.(`the bus did not take it: ${error.message}`);
    });
  }

  /** What is not delivered now is sent again: commands at their next turn, sessions and beats by themselves. */
  #lost(what: string, cause: unknown): void {
    if (!this.#closed)
      this.#log.warn({ what, error: cause instanceof Error ? cause.message : String(cause) }, 'a message did not reach the bus');
  }

  #hearPresence(message: BusMessage): void {
    const host = topics.machineOf(message.topic);
    if (host === undefined || message.payload.byteLength === 0) return;
    const decoded = decodePresence(message.payload);
    if (decoded.kind === 'refused') return this.#refuse(host, decoded.reason, false);
    if (this.#keepPresence(host, decoded.message)) this.#take({ kind: 'presence', host, presence: decoded.message });
    else this.#drops.add(host);
  }

  /** Names of agents that are gone make room for those that are here. */
  #keepPresence(host: string, presence: Presence): boolean {
    if (this.presences.size >= mostAgents && !this.presences.has(host)) {
      const gone = presence.state === 'here' ? this.presences.entries().find(([, { state }]) => state !== 'here') : undefined;
      if (gone === undefined) return false;
      this.presences.delete(gone[0]);
    }
    this.presences.set(host, presence);
    return true;
  }

  #hearMessage(message: BusMessage): void {
    const host = topics.machineOf(message.topic);
    if (host === undefined) return;
    if (!this.#mayPass(host)) {
      this.#drops.add(host);
      return this.#refuse(host, `more than ${rate} messages a second: what is above is dropped`, true);
    }
    const decoded = decodeAgentMessage(message.payload);
    if (decoded.kind === 'refused') return this.#refuse(host, decoded.reason, false);
    const heard = decoded.message;
    const beatMs = heard.kind === 'CONTROLVAL' && heard.nonce !== undefined ? this.#beats.get(heard.nonce) : undefined;
    this.#take({
      kind: 'message',
      host,
      message: heard,
      atMs: this.#clock.monotonic(),
      wallMs: this.#clock.now(),
      bytes: message.payload.byteLength,
      ...(beatMs === undefined ? {} : { beatMs }),
    });
  }

  #refuse(host: string, reason: string, flood: boolean): void {
    const nowMs = this.#clock.monotonic();
    const key = `${flood ? 'flood' : 'refused'} ${host}`;
    if (nowMs - (this.#refusedMs.get(key) ?? Number.NEGATIVE_INFINITY) < refusedAgainMs) return;
    if (this.#refusedMs.size >= 2 * mostAgents) this.#refusedMs.clear();
    this.#refusedMs.set(key, nowMs);
    this.#take({ kind: 'refused', host, reason, flood });
  }

  #mayPass(host: string): boolean {
    if (this.#buckets.size > mostAgents) this.#buckets.clear();
    const bucket = this.#buckets.get(host) ?? new TokenBucket(this.#clock, rate, burst);
    this.#buckets.set(host, bucket);
    if (bucket.waitMs() > 0) return false;
    bucket.take(1);
    return true;
  }
}

function encode(message: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}
