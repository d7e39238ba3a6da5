import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Domain, Hypervisor } from './parts.ts';

/** Between two looks. */
const lookMs = 5000;
/** A guest vanishes for a second or two while it reboots: gone is who was missing at two looks so far apart. */
const goneMs = 5000;
/** Between two looks for a domain that is to go: each start of a program costs the Dom0. */
const waitMs = 2000;
/** Timers may fire a moment early. */
const earlyMs = 10;
/** Without a look that succeeded for so long nothing is said to be absent. */
const blindMs = 15_000;

export interface WatchedDomain extends Domain {
  /** When a first look did not find it. */
  readonly missingMs?: number;
}

export type Presence = 'absent' | 'present' | 'unknown';

interface WatchParts {
  readonly hypervisor: Pick<Hypervisor, 'list'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The name under which a domain is known that has lost its own: it is dying. */
  readonly nameOf: (uuid: string) => string | undefined;
  /** After each look that found something new. */
  readonly changed: () => void;
  /** After each look that succeeded. */
  readonly looked: () => void;
  /** Domains that are gone now. */
  readonly gone: (names: readonly string[]) => void;
}

/** Looks at the hypervisor's list again and again. Looks are made one at a time, and each counts for what was there when it began. */
export class DomainWatch {
  readonly #parts: WatchParts;
  readonly #domains = new Map<string, WatchedDomain>();
  #timer: Timer | undefined;
  #running: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;
  /** The end of the first look that succeeded since the last doubt, and whether a second one has followed. */
  #firstMs: number | undefined;
  #sure = false;
  #doubts = 0;
  #lookedMs: number | undefined;
  #fails = 0;
  readonly #pauses = new Map<Timer, () => void>();
  #closed = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  get domains(): readonly WatchedDomain[] {
    return [...this.#domains.values()];
  }

  find(name: string): WatchedDomain | undefined {
    return this.#domains.get(name);
  }

  findUuid(uuid: string): WatchedDomain | undefined {
    return this.domains.find((domain) => domain.uuid === uuid);
  }

  /** Whether what is not among `domains` is surely not there: two looks since the last doubt, and not blind since. */
  get sure(): boolean {
    const { clock } = this.#parts;
    return this.#sure && this.#lookedMs !== undefined && clock.monotonic() - this.#lookedMs <= blindMs;
  }

  /** What was seen so far proves no absence any more: two more looks must follow. */
  doubt(): void {
    this.#doubts++;
    this.#firstMs = undefined;
    this.#sure = false;
  }

  /** Looks now, then every five seconds. */
  start(): void {
    void this.look();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const [timer, resolve] of this.#pauses) {
      timer.cancel();
      resolve();
    }
    this.#pauses.clear();
  }

  /** A look that begins after this call; false where it failed. */
  look(): Promise<boolean> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  /** Two looks of its own, five seconds apart. */
  async confirm(name: string): Promise<Presence> {
    const first = await this.#presence(name);
    if (first !== 'absent') return first;
    await this.#pause(goneMs);
    return this.#presence(name);
  }

  /** Until it is surely gone, or for `withinMs`. */
  async waitGone(name: string, withinMs: number): Promise<Presence> {
    const { clock } = this.#parts;
    const untilMs = clock.monotonic() + withinMs;
    for (;;) {
      const presence = await this.#presence(name);
      if (presence === 'absent') return this.confirm(name);
      if (this.#closed || clock.monotonic() >= untilMs) return presence;
      await this.#pause(Math.min(waitMs, untilMs - clock.monotonic()));
    }
  }

  async #presence(name: string): Promise<Presence> {
    if (this.#closed || !(await this.look())) return 'unknown';
    const domain = this.#domains.get(name);
    return domain === undefined || domain.missingMs !== undefined ? 'absent' : 'present';
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#parts.clock.after(ms, () => {
        this.#pauses.delete(timer);
        resolve();
      });
      this.#pauses.set(timer, resolve);
    });
  }

  #begin(): Promise<boolean> {
    this.#timer?.cancel();
    this.#running = this.#look().finally(() => {
      this.#running = undefined;
      this.#timer?.cancel();
      if (!this.#closed) this.#timer = this.#parts.clock.after(lookMs, () => void this.look());
    });
    return this.#running;
  }

  async #look(): Promise<boolean> {
    const { hypervisor, clock, log } = this.#parts;
    const beganMs = clock.monotonic();
    const doubts = this.#doubts;
    let found: readonly Domain[];
    try {
      found = await hypervisor.list();
    } catch (error) {
      this.#fails++;
      if (this.#fails === 1 || this.#fails % 60 === 0) log.warn({ err: error, fails: this.#fails }, 'the domains cannot be listed');
      return false;
    }
    this.#fails = 0;
    if (!this.#closed) this.#take(found, beganMs, doubts === this.#doubts);
    return true;
  }

  #take(found: readonly Domain[], beganMs: number, undoubted: boolean): void {
    const { clock, changed, gone, looked } = this.#parts;
    const before = JSON.stringify(this.domains.map(shape));
    const named = new Map(found.map((domain) => [domain.name || this.#formerName(domain), domain]));
    for (const [name, domain] of named) this.#domains.set(name, { ...domain, name });
    const left: string[] = [];
    for (const [name, domain] of this.#domains) {
      if (named.has(name)) continue;
      if (domain.missingMs === undefined) this.#domains.set(name, { ...domain, missingMs: clock.monotonic() });
      else if (beganMs - domain.missingMs >= goneMs - earlyMs) left.push(name);
    }
    for (const name of left) this.#domains.delete(name);
    if (undoubted && this.#firstMs === undefined) this.#firstMs = clock.monotonic();
    else if (undoubted && this.#firstMs !== undefined && beganMs - this.#firstMs >= goneMs - earlyMs) this.#sure = true;
    this.#lookedMs = clock.monotonic();
    if (left.length > 0) gone(left);
    if (JSON.stringify(this.domains.map(shape)) !== before) changed();
    looked();
  }

  #formerName({ uuid, domid }: Domain): string {
    return this.findUuid(uuid)?.name ?? this.#parts.nameOf(uuid) ?? `unnamed-${domid}`;
  }
}

function shape({ name, uuid, domid, state, missingMs }: WatchedDomain): unknown[] {
  return [name, uuid, domid, state, missingMs !== undefined];
}
