import type { Bus, BusMessage, BusSubscription } from '../../bus/bus.ts';
import type { Clock } from '../../clock.ts';
import type { NewEvent } from '../../events/event-store.ts';
import type { Log } from '../../log.ts';
import { decodeManagerPresence } from '../hear/decode.ts';
import type { OtherManager } from '../manager-control.ts';
import { protocolVersion, topics } from '../protocol.ts';
import type { ManagerPresence } from '../protocol.ts';

const mostManagers = 64;
/** Of one manager and each kind of news, in so long. */
const toldAtMost = 20;
const toldWithinMs = 600_000;
const mostCounted = 4 * mostManagers;

interface Heard extends OtherManager {
  /** What was told of it last; before that nothing, unless it was here. */
  readonly told?: 'joined' | 'left' | 'lost';
  readonly wasHere: boolean;
}

interface RingParts {
  readonly name: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  tell(event: NewEvent): void;
}

/** The group of managers: each says what it is, and hears of the others. Who leads, the database alone decides. */
export class ManagerRing {
  readonly #parts: RingParts;
  readonly #heard = new Map<string, Heard>();
  /** When each kind of news was told of each, also of one that has made room for another. */
  readonly #toldMs = new Map<string, readonly number[]>();
  #subscription: BusSubscription | undefined;
  #closed = false;
  #leads = false;

  constructor(parts: RingParts) {
    this.#parts = parts;
  }

  get others(): readonly OtherManager[] {
    return Array.from(this.#heard.values(), ({ name, state, reason, sinceMs }) => ({ name, state, reason, sinceMs }));
  }

  async open(): Promise<void> {
    const subscription = await this.#parts.bus.subscribe(topics.everyManager, (message) => this.#hear(message));
    if (this.#closed) await subscription.close();
    else this.#subscription = subscription;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#subscription?.close();
  }

  /** Of those that see the same, one tells: the one that leads, and of what happened while nobody led, the next one. */
  say(state: 'leading' | 'standby' | 'left', reason: string): void {
    const { name, bus, log } = this.#parts;
    const presence: ManagerPresence = { v: protocolVersion, kind: 'PRESENCE', manager: name, state, reason: reason.slice(0, 1024) };
    bus.publish(topics.manager(name), Buffer.from(JSON.stringify(presence)), { qos: 1, retain: true }).catch((error: unknown) => {
      if (!this.#closed) log.warn({ error: error instanceof Error ? error.message : String(error) }, 'other managers could not be told');
    });
    this.#leads = state === 'leading';
    for (const each of this.#heard.values()) this.#tell(each);
  }

  #hear({ topic, payload }: BusMessage): void {
    if (payload.byteLength === 0) return;
    const decoded = decodeManagerPresence(payload);
    const presence = decoded.kind === 'message' && topics.manager(decoded.message.manager) === topic ? decoded.message : undefined;
    if (presence === undefined) {
      const reason = decoded.kind === 'refused' ? decoded.reason : 'it is said of another one';
      this.#parts.log.warn({ topic, reason }, 'what is said of a manager is not understood');
      return;
    }
    const { manager: name, state, reason } = presence;
    const known = this.#heard.get(name);
    if (name === this.#parts.name || (known === undefined && !this.#hasRoom(state))) return;
    const heard: Heard = {
      ...(known?.told !== undefined && { told: known.told }),
      name,
      state,
      reason,
      sinceMs: known?.state === state ? known.sinceMs : this.#parts.clock.now(),
      wasHere: isHere(state) || known?.wasHere === true,
    };
    this.#heard.set(name, heard);
    this.#tell(heard);
  }

  /** What is retained of managers that are gone keeps out none that is here: the one that went first makes room. */
  #hasRoom(state: OtherManager['state']): boolean {
    if (this.#heard.size < mostManagers) return true;
    const gone = [...this.#heard.values()].filter((each) => !isHere(each.state)).sort((a, b) => a.sinceMs - b.sinceMs);
    const [first] = gone;
    if (first === undefined || !isHere(state)) return false;
    return this.#heard.delete(first.name);
  }

  #tell(heard: Heard): void {
    const { name, state, reason, told, wasHere } = heard;
    const news = state === 'left' || state === 'lost' ? state : 'joined';
    if (!this.#leads || news === told || !wasHere || !this.#mayTell(`${news} ${name}`)) return;
    this.#heard.set(name, { ...heard, told: news });
    const severity = news === 'lost' ? 'warning' : 'info';
    this.#parts.tell({ atMs: this.#parts.clock.now(), kind: `manager.${news}`, severity, detail: { manager: name, state, reason } });
  }

  /** One that comes and goes without end fills no log. */
  #mayTell(key: string): boolean {
    const nowMs = this.#parts.clock.monotonic();
    const isRecent = (atMs: number): boolean => nowMs - atMs < toldWithinMs;
    const times = (this.#toldMs.get(key) ?? []).filter(isRecent);
    if (times.length === 0 && this.#toldMs.size >= mostCounted)
      for (const [each, its] of this.#toldMs) if (!its.some(isRecent)) this.#toldMs.delete(each);
    if (times.length >= toldAtMost || (times.length === 0 && this.#toldMs.size >= mostCounted)) return false;
    this.#toldMs.set(key, [...times, nowMs]);
    return true;
  }
}

function isHere(state: OtherManager['state']): boolean {
  return state === 'leading' || state === 'standby';
}
