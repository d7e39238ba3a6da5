import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import type { BootClient } from '../model/boot-decision.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import { parseMac } from '../model/mac.ts';
import type { Mac } from '../model/mac.ts';
import type { UnknownClient } from '../model/unknown-client.ts';
import type { ObjectBook } from './object-book.ts';
import type { ObjectSnapshot } from './object-state.ts';
import type { UnknownClientStore } from './object-store.ts';

export interface UnknownClientsDependencies {
  readonly store: UnknownClientStore;
  readonly book: Pick<ObjectBook, 'current' | 'subscribe'>;
  readonly clock: Clock;
  readonly log: Log;
  /** How many are remembered; the one that was silent longest goes first. */
  readonly most?: number;
}

/** A client that was silent for longer was switched off in between. */
const silenceMs = 60_000;
/** What is heard within this time is written at once. */
const writeAfterMs = 2_000;
const writeAgainMs = 30_000;

/**
 * Clients that asked to boot and are no machines: what an operator chooses from. It is told on the way of packets, so it
 * answers from memory and writes later; a crash loses two seconds of counting.
 */
export class UnknownClients {
  readonly #deps: UnknownClientsDependencies;
  readonly #most: number;
  /** In the order of when they were last seen. */
  readonly #clients = new Map<Mac, UnknownClient>();
  readonly #unsaved = new Set<Mac>();
  /** Those that the database has, and of them those that it shall not have any more. */
  readonly #stored = new Set<Mac>();
  readonly #gone = new Set<Mac>();
  readonly #unsubscribe: () => void;
  #machines: ReadonlySet<Mac> = new Set();
  #machineList: ObjectSnapshot['machines'] | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #revision = 0;

  private constructor(deps: UnknownClientsDependencies) {
    this.#deps = deps;
    this.#most = deps.most ?? 5_000;
    this.#unsubscribe = deps.book.subscribe((snapshot) => this.#leaveTo(snapshot));
  }

  static async open(deps: UnknownClientsDependencies): Promise<UnknownClients> {
    const clients = new UnknownClients(deps);
    const stored = await deps.store.load();
    for (const client of [...stored].sort((a, b) => a.lastSeenMs - b.lastSeenMs)) {
      clients.#stored.add(client.mac);
      clients.#put(client);
    }
    clients.#leaveTo(deps.book.current);
    return clients;
  }

  /** Writes what is not yet written. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#writing;
    await this.#write();
  }

  /** Goes up with each change of the list. */
  get revision(): number {
    return this.#revision;
  }

  /** A packet of a client came in. What it said before stays known where it says nothing of it now. */
  seen(client: Pick<BootClient, 'mac' | 'uuid' | 'arch'>, subnet: { readonly name: string }, atMs: number): void {
    const { mac, uuid, arch } = client;
    if (this.#machines.has(mac)) return;
    const before = this.#clients.get(mac);
    const isNewPowerOn = before === undefined || atMs - before.lastSeenMs > silenceMs;
    this.#put({
      ...before,
      mac,
      ...(uuid !== undefined && { uuid }),
      ...(arch !== undefined && { arch }),
      subnet: subnet.name,
      firstSeenMs: before?.firstSeenMs ?? atMs,
      lastSeenMs: Math.max(atMs, before?.lastSeenMs ?? 0),
      timesSeen: (before?.timesSeen ?? 0) + (isNewPowerOn ? 1 : 0),
    });
    this.#changed(mac);
  }

  /** It was given an address. */
  addressed(mac: Mac, address: Ipv4): void {
    const client = this.#clients.get(mac);
    if (client === undefined || client.address === address) return;
    this.#clients.set(mac, { ...client, address });
    this.#changed(mac);
  }

  /** Whoever was seen last comes last. */
  list(): readonly UnknownClient[] {
    return [...this.#clients.values()];
  }

  /** By its MAC, however it is written: `52-54-00-00-00-01` is what lists call it. */
  find(nameOrMac: string): UnknownClient | undefined {
    const mac = parseMac(nameOrMac);
    return mac === undefined ? undefined : this.#clients.get(mac);
  }

  /** Until they are seen again. Durable when it resolves; returns how many there were. */
  async forget(macs: readonly Mac[]): Promise<number> {
    const known = macs.filter((mac) => this.#clients.has(mac));
    for (const mac of known) this.#drop(mac);
    await this.#writing;
    await this.#write();
    return known.length;
  }

  #put(client: UnknownClient): void {
    this.#clients.delete(client.mac);
    this.#clients.set(client.mac, client);
    this.#gone.delete(client.mac);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > this.#most && oldest !== undefined) this.#drop(oldest);
  }

  #drop(mac: Mac): void {
    this.#clients.delete(mac);
    this.#unsaved.delete(mac);
    if (this.#stored.has(mac)) this.#gone.add(mac);
    this.#revision++;
    this.#writeSoon(writeAfterMs);
  }

  #changed(mac: Mac): void {
    this.#unsaved.add(mac);
    this.#revision++;
    this.#writeSoon(writeAfterMs);
  }

  /** Those that became machines are unknown no more. */
  #leaveTo({ machines }: ObjectSnapshot): void {
    if (machines === this.#machineList) return;
    this.#machineList = machines;
    const macs = new Set<Mac>();
    for (const { nics } of machines) for (const { mac } of nics) macs.add(mac);
    this.#machines = macs;
    for (const mac of this.#clients.keys()) if (this.#machines.has(mac)) this.#drop(mac);
  }

  #writeSoon(delayMs: number): void {
    this.#timer ??= this.#deps.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#writing = this.#writing
        .then(() => this.#write())
        .catch((error: unknown) => {
          this.#deps.log.warn({ err: error }, 'unknown clients could not be written; trying again');
          this.#writeSoon(writeAgainMs);
        });
    });
  }

  async #write(): Promise<void> {
    const [unsaved, gone] = [[...this.#unsaved], [...this.#gone]];
    this.#unsaved.clear();
    this.#gone.clear();
    try {
      if (gone.length > 0) await this.#deps.store.delete(gone);
      for (const mac of gone) this.#stored.delete(mac);
      const clients = unsaved.flatMap((mac) => this.#clients.get(mac) ?? []);
      for (const { mac } of clients) this.#stored.add(mac);
      if (clients.length > 0) await this.#deps.store.save(clients);
    } catch (error) {
      for (const mac of unsaved) if (this.#clients.has(mac)) this.#unsaved.add(mac);
      for (const mac of gone) if (!this.#clients.has(mac)) this.#gone.add(mac);
      throw error;
    }
  }
}
